"""Projects with flows, and workers in this process that run them with real sandboxes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest_asyncio
import yaml
from sqlalchemy import text

from backend.context import AppContext
from backend.money.ledger import service as ledger
from backend.money.ledger.audit import check_ledger
from tests.doubles.messages import MessagesServer
from tests.factories.worker import woken
from tests.integration.agents.sandboxed_worker import models_of
from tests.integration.deployments.conftest import Project, make_project
from tests.integration.deployments.conftest import project as acme
from workers.runners.agent_environment import agentic_runner
from workers.runners.deterministic import DeterministicRunner
from workers.runners.flow import FlowRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor
from workers.types import Runner

__all__ = ["acme", "make_project"]

TALLY = """\
entrypoint: main.py:run
input_schema: {type: object, properties: {words: {type: string}}, required: [words]}
output_schema: {type: object, properties: {total: {type: integer}}}
"""
CODE = b"""\
import time

def run(words):
    if words == 'fail':
        raise ValueError('cannot count this')
    if words.startswith('sleep'):
        time.sleep(float(words[5:] or 60))
    return {'total': len(words.split())}
"""
INPUTS = {
    "type": "object",
    "properties": {
        "texts": {"type": "array", "items": {"type": "string"}},
        "n": {"type": "integer", "default": 0},
    },
    "required": ["texts"],
}
EXAMPLE = """\
steps:
  - id: each
    for_each: ${{ inputs.texts }}
    concurrency: 4
    skill: tally
    inputs: {words: "${{ item }}"}
  - id: sign
    approval: {message: "Post ${{ size(steps.each) }} results?"}
output: {n: "${{ size(steps.each) }}", first: "${{ steps.each[0].total }}"}
"""


def bundle(flow: str, more: Mapping[str, bytes] | None = None, *, keys: str = "") -> dict[str, bytes]:
    """Return the files of a bundle with the function `tally` and the flow `post`."""
    post = {"entrypoint": "flow.yaml", "input_schema": INPUTS, "output_schema": {"type": "object"}}
    return {
        "skills/tally/skill.yaml": TALLY.encode(),
        "skills/tally/main.py": CODE,
        "skills/post/skill.yaml": (yaml.safe_dump(post) + keys).encode(),
        "skills/post/flow.yaml": flow.encode(),
        **(more or {}),
    }


@dataclass(frozen=True, slots=True)
class Flows:
    """A project, and what tests do with its flows."""

    instance: AppContext
    project: Project

    async def push(self, flow: str, more: Mapping[str, bytes] | None = None, *, keys: str = "") -> None:
        """Push and activate a bundle with the flow."""
        await self.project.pushed(bundle(flow, more, keys=keys), activate="true")

    async def submit(self, *texts: str, n: int = 0) -> str:
        """Submit the flow, and return the ID of its job."""
        body = {"skill": "post", "inputs": {"texts": list(texts), "n": n}}
        response = await self.project.http.post("/v1/jobs", json=body)
        assert response.status_code == 201, response.text
        job_id: str = response.json()["id"]
        return job_id

    async def job(self, job_id: str) -> Any:
        """Return a job."""
        return (await self.project.http.get(f"/v1/jobs/{job_id}")).json()

    async def until(self, job_id: str, *statuses: str) -> Any:
        """Return the job once it has one of the statuses, by default an end."""
        wanted = statuses or ("succeeded", "failed", "cancelled")
        async with asyncio.timeout(40):
            while (job := await self.job(job_id))["status"] not in wanted:  # noqa: ASYNC110
                await asyncio.sleep(0.03)
        return job

    async def children(self, job_id: str) -> list[Any]:
        """Return the jobs of the steps of a flow, oldest first."""
        jobs = (await self.project.http.get("/v1/jobs?limit=100")).json()
        return sorted(
            (one for one in jobs if one["parent_job_id"] == job_id), key=lambda one: one["created_at"]
        )

    async def steps(self, job_id: str, query: str = "") -> list[Any]:
        """Return the steps of a job, or those that the query selects."""
        response = await self.project.http.get(f"/v1/jobs/{job_id}/steps{query}")
        assert response.status_code == 200, response.text
        return list(response.json())

    async def approvals(self, job_id: str, status: str = "pending") -> list[Any]:
        """Return the approvals of a job."""
        found: list[Any] = (
            await self.project.http.get(f"/v1/approvals?job_id={job_id}&status={status}")
        ).json()
        return found

    async def approval(self, job_id: str) -> Any:
        """Return the pending approval of a flow once it is requested."""
        async with asyncio.timeout(40):
            while not (found := await self.approvals(job_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.03)
        return found[0]

    async def decide(self, job_id: str, decision: str = "approve") -> None:
        """Decide the pending approval of a job, with an empty body."""
        approval = await self.approval(job_id)
        response = await self.project.http.post(f"/v1/approvals/{approval['id']}/{decision}")
        assert response.status_code == 200, response.text

    async def send(self, event_type: str, data: object = None, event_id: str | None = None) -> None:
        """Send an event to the project."""
        body = {"type": event_type, "data": data, "id": event_id}
        response = await self.project.http.post("/v1/events", json=body)
        assert response.status_code == 201, response.text

    async def events(self, job_id: str, event_type: str) -> list[Any]:
        """Return the content of the events of a type of a job."""
        found = (await self.project.http.get(f"/v1/jobs/{job_id}/events")).json()
        return [one["payload"] for one in found if one["type"] == event_type]

    async def query(self, sql: str) -> list[Any]:
        """Return the rows of a query, or none."""
        async with self.instance.database.transaction() as session:
            found = await session.execute(text(sql))
            return list(found.all()) if found.returns_rows else []

    async def run(self, *texts: str, n: int = 0) -> Any:
        """Submit the flow, and return its job once it has ended."""
        return await self.until(await self.submit(*texts, n=n))

    async def discrepancies(self) -> list[Any]:
        """Return the violated invariants of accounts, queue and windows."""
        async with self.instance.database.transaction() as session:
            return list(await check_ledger(session))


@pytest_asyncio.fixture
async def flows(instance: AppContext, acme: Project) -> AsyncIterator[Flows]:
    """Return the flows of a project, whose accounts and queue are consistent at the end."""
    async with instance.database.transaction() as session:
        await ledger.top_up(session, project_id=acme.id, amount_micros=10_000_000, created_by="test")
    found = Flows(instance, acme)
    yield found
    assert await found.discrepancies() == []


@asynccontextmanager
async def worker(
    instance: AppContext, *, capacity: int = 4, upstream: MessagesServer | None = None
) -> AsyncIterator[Supervisor]:
    """Run a worker for functions and flows, and for agents if a server replies as their model."""
    settings = instance.settings
    functions = DeterministicRunner(
        SandboxRuntime(
            settings.home, sandbox="auto", api_base=settings.workers_api_url, idle_s=60, pool_mb=512
        )
    )
    runners: dict[str, Runner] = {"deterministic": functions, "flow": FlowRunner(instance)}
    models = None if upstream is None else models_of(upstream)
    if models is not None:
        runners["agentic"] = agentic_runner(instance, functions.runtime, models)
    supervisor = Supervisor(
        instance,
        runners,
        lanes=["default"],
        capacity=capacity,
    )
    try:
        async with woken(supervisor):
            yield supervisor
    finally:
        await functions.close()
        if models is not None:
            await models.close()
