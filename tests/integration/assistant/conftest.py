"""The assistant over REST, with a worker in this process, real sandboxes, and a server that speaks the Messages API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from backend.context import AppContext
from backend.money.ledger import service as ledger
from backend.skills.model_catalog import catalog
from tests.doubles.messages import Answer, MessagesServer
from tests.factories.worker import woken
from tests.integration.agents.conftest import MODEL, Served, served
from tests.integration.agents.sandboxed_worker import models_of
from tests.integration.deployments.conftest import BUNDLE, Project, Projects
from workers.drives.staged import staged_drives
from workers.runners.agent_environment import agentic_runner
from workers.runners.deterministic import DeterministicRunner
from workers.runners.flow import FlowRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

__all__ = ["MODEL", "served"]

START = "/v1/drafts/assistant"


@asynccontextmanager
async def worker(instance: AppContext, upstream: MessagesServer) -> AsyncIterator[Supervisor]:
    """Run a complete worker while the block runs."""
    models = models_of(upstream)
    settings = instance.settings
    functions = DeterministicRunner(
        SandboxRuntime(
            settings.home, sandbox="auto", api_base=settings.workers_api_url, idle_s=60, pool_mb=512
        )
    )
    agents = agentic_runner(instance, functions.runtime, models)
    drives = staged_drives(instance)
    runners = {"agentic": agents, "deterministic": functions, "flow": FlowRunner(instance)}
    supervisor = Supervisor(instance, runners, lanes=["default"], capacity=4, drives=drives)
    try:
        async with woken(supervisor):
            yield supervisor
    finally:
        await functions.close()
        await models.close()
        await asyncio.to_thread(drives.close)


@dataclass
class Assistants:
    """A project with the function `double`, and its assistant."""

    project: Project
    instance: AppContext
    upstream: MessagesServer

    async def submit(self, *script: Answer, task: str = "Do it.", **context: Any) -> str:
        """Start the assistant with these replies of its model."""
        self.upstream.restart(*script)
        body = {"task": task, "budget_usd": 1, "model": MODEL, **context}
        response = await self.project.http.post(START, json=body)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["job_id"]
        return job_id

    async def run(self, *script: Answer, **context: Any) -> Any:
        """Start the assistant, and return its job once it has ended."""
        return await self.ended(await self.submit(*script, **context))

    async def proposal(self, *script: Answer, **context: Any) -> Any:
        """Return the result of the assistant, which must succeed."""
        job = await self.run(*script, **context)
        assert job["status"] == "succeeded", job["error"]
        return job["result"]

    async def job(self, job_id: str) -> Any:
        """Return a job."""
        return (await self.project.http.get(f"/v1/jobs/{job_id}")).json()

    async def ended(self, job_id: str) -> Any:
        """Return a job once it has ended."""
        async with asyncio.timeout(40):
            while (job := await self.job(job_id))["finished_at"] is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return job

    async def draft(self) -> dict[str, str]:
        """Return the texts of the draft."""
        listed = (await self.project.http.get("/v1/drafts")).json()
        paths = [file["path"] for file in listed["files"] if not file["is_deleted"]]
        return {path: (await self.project.http.get(f"/v1/drafts/files/{path}")).text for path in paths}

    async def write(self, files: Mapping[str, str]) -> None:
        """Write files of the draft."""
        for path, content in files.items():
            response = await self.project.http.put(
                f"/v1/drafts/files/{path}", content=content, headers={"If-Match": "*"}
            )
            assert response.status_code == 200, response.text

    async def accept(self, proposal: Any) -> None:
        """Write the whole proposal to the draft, which has no problems then."""
        for file in proposal["files"]:
            if file["action"] == "delete":
                response = await self.project.http.delete(f"/v1/drafts/files/{file['path']}")
                assert response.status_code == 204, response.text
            else:
                await self.write({file["path"]: file["after"]})
        check = (await self.project.http.get("/v1/drafts/check")).json()
        assert check["problems"] == proposal["problems"] == []

    async def try_draft(self, skill: str, **inputs: Any) -> Any:
        """Return the job of a run of the draft once it has ended."""
        response = await self.project.http.post("/v1/drafts/run", json={"skill": skill, "inputs": inputs})
        assert response.status_code == 201, response.text
        return await self.ended(response.json()["job_id"])

    def results(self) -> list[str]:
        """Return the results of tools that the model has received, in order."""
        blocks = [
            block
            for message in self.upstream.bodies[-1]["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        ]
        return [_text(block["content"]) for block in blocks]


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block.get("text", "") for block in content)


@pytest.fixture(scope="module")
def upstream() -> Iterator[MessagesServer]:
    """Run the server that replies as every model."""
    with MessagesServer().running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def working(served: Served, upstream: MessagesServer) -> AsyncIterator[Supervisor]:
    """Run one worker for the tests of a file."""
    assert catalog.current().get(MODEL)
    async with worker(served.instance, upstream) as supervisor:
        yield supervisor


@asynccontextmanager
async def assistants_of(served: Served, upstream: MessagesServer) -> AsyncIterator[Assistants]:
    """Create a project with money and a draft."""
    database = served.instance.database
    projects = Projects(served.app, database, [])
    project = await projects.make("Acme")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=100_000_000, created_by="test")
    await project.pushed(BUNDLE, activate="true")
    yield Assistants(project, served.instance, upstream)
    for client in projects.clients:
        await client.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def assistants(
    served: Served, upstream: MessagesServer, working: Supervisor
) -> AsyncIterator[Assistants]:
    """Return the assistant of a new project, with a worker that runs it."""
    async with assistants_of(served, upstream) as found:
        yield found
