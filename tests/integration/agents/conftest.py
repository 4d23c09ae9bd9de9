"""Run agent skills through the REST API, a worker in this process, and a server that speaks the Messages API."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from anthropic import AsyncAnthropic
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text

from backend.app import create_app, serving
from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.embedded import Servers
from backend.money.ledger import service as ledger
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import ApiName, CatalogueEntry, Endpoint
from backend.storage.local import LocalStorage
from tests.conftest import empty
from tests.doubles.messages import MessagesServer
from tests.doubles.openai_api import OpenAIServer
from tests.factories.worker import woken
from tests.integration.deployments.conftest import Project, Projects
from workers.agent.assignment import AgentAssignment
from workers.agent.environment import RunEnvironment
from workers.agent.types import Tool, ToolCall, ToolError, ToolResult
from workers.llm.anthropic import MessagesModel
from workers.llm.pricing import Margin
from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import CurrentModel, Model, ToolSpec
from workers.runners.agentic import AgenticRunner
from workers.supervisor import Supervisor
from workers.types import Assignment, Recorder

MODEL = "claude/haiku-4-5"
MARGIN_PCT = 20
SKILL = """
entrypoint: prompt.md
model: claude/haiku-4-5
input_schema: {type: object, properties: {topic: {type: string, description: What it is about.}}, required: [topic]}
output_schema:
  type: object
  properties:
    summary: {type: text}
    score: {type: integer}
"""
BUNDLE = {
    "skills/sum/skill.yaml": SKILL.encode(),
    "skills/sum/prompt.md": b"You write summaries.",
}


def bundle(more: str = "", *, schema: str | None = None) -> dict[str, bytes]:
    """Return the bundle with more lines in its skill.yaml, or with another output_schema."""
    manifest = (
        SKILL if schema is None else f"{SKILL[: SKILL.index('output_schema')]}output_schema: {schema}\n"
    )
    return {**BUNDLE, "skills/sum/skill.yaml": (manifest + more).encode()}


@dataclass
class PlainWorkspace:
    """A workspace without a sandbox: the tools of these tests run no tenant code."""

    assignment: Assignment
    skill: Skill
    recorder: Recorder
    folder: Path
    drive_dir: Path

    async def close(self) -> None:
        """Do nothing; there is no process to stop."""


@dataclass
class CountingTool:
    """A tool that records its calls, returns the `at` of its input, and waits while its gate is closed."""

    name: str = "look"
    is_read_only: bool = True
    is_idempotent: bool = False
    runs_alone: bool = False
    confirm: bool = False
    answer: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    gate: asyncio.Event | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def spec(self) -> ToolSpec:
        """Return the description that the model receives."""
        return ToolSpec(self.name, "Looks.", {"type": "object", "properties": {"at": {"type": "string"}}})

    async def run(self, call: ToolCall, workspace: Any) -> ToolResult:
        """Record the call and return its result."""
        self.calls.append(call)
        self.started.set()
        if self.gate is not None:
            await self.gate.wait()
        if call.input.get("at") == "nowhere":
            raise ToolError("nowhere is no place. Look elsewhere.")
        return ToolResult(self.answer or f"seen: {call.input.get('at')}")


@dataclass
class Agents:
    """A project with an agentic skill, and workers that run it."""

    project: Project
    instance: AppContext
    upstream: MessagesServer
    openai: OpenAIServer | None = field(default=None, kw_only=True)
    """The server that replies to models of other APIs than the Messages API."""
    base_url: str = field(default="", kw_only=True)
    """The URL of a real model; empty: the doubles reply."""
    max_output_tokens: int | None = field(default=None, kw_only=True)
    """The longest reply of a real model; None: that of the catalog."""
    api: ApiName = field(default="messages", kw_only=True)
    """The API of the models of the skill."""
    family_apis: dict[str, ApiName] = field(default_factory=dict, kw_only=True)
    """The APIs of families with another one."""
    counts_tokens: bool = field(default=False, kw_only=True)
    """True if the length of prompts is requested from the upstream, whose replies are then charged by their length."""
    tools: list[Tool] = field(default_factory=list)
    tools_of: Callable[[AgentAssignment], list[Tool]] = field(default=lambda _: [])
    """Returns the tools that depend on the assignment."""
    retry_policy: RetryPolicy = field(default_factory=lambda: RetryPolicy(attempts=1))
    environment: RunEnvironment | None = None
    """The web, the drive tools and MCP servers; None if a run has only the tools of the test."""

    async def submit(self, **over: Any) -> Any:
        """Submit a job."""
        body = {"skill": "sum", "inputs": {"topic": "owls"}, **over}
        response = await self.project.http.post("/v1/jobs", json=body)
        assert response.status_code == 201, response.text
        return response.json()["id"]

    async def run(self, **over: Any) -> Any:
        """Submit a job and run it until it ends."""
        job_id = await self.submit(**over)
        async with self.running_worker():
            return await self.wait_for_end(job_id)

    async def get(self, job_id: str) -> Any:
        """Return the current state of the job."""
        return (await self.project.http.get(f"/v1/jobs/{job_id}")).json()

    async def wait_until(self, job_id: str, condition: Callable[[Any], bool]) -> Any:
        """Return the job when the condition is met."""
        async with asyncio.timeout(20):
            while not condition(job := await self.get(job_id)):  # noqa: ASYNC110 - another process may make it so
                await asyncio.sleep(0.02)
        return job

    async def wait_for_end(self, job_id: str) -> Any:
        """Return the job when it has ended."""
        return await self.wait_until(job_id, lambda job: job["finished_at"] is not None)

    async def events(self, job_id: str) -> list[Any]:
        """Return all events of the job."""
        return (await self.project.http.get(f"/v1/jobs/{job_id}/events")).json()

    async def payloads(self, job_id: str, kind: str) -> list[Any]:
        """Return the payloads of the events of one type."""
        return [event["payload"] for event in await self.events(job_id) if event["type"] == kind]

    @asynccontextmanager
    async def running_worker(self, *, capacity: int = 4) -> AsyncIterator[Supervisor]:
        """Run a worker while the block runs; it drains at the end."""
        supervisor = Supervisor(
            self.instance,
            {
                "agentic": AgenticRunner(
                    self._open_model,
                    self._open_workspace,
                    self._list_tools,
                    open_servers=self.environment and self.environment.servers,
                    stage=self.environment and self.environment.stage,
                )
            },
            lanes=["default"],
            capacity=capacity,
        )
        async with woken(supervisor):
            yield supervisor

    def _list_tools(self, assignment: AgentAssignment, current_model: CurrentModel) -> list[Tool]:
        more = self.environment.tools(assignment, current_model) if self.environment else ()
        return [*self.tools, *more, *self.tools_of(assignment)]

    async def _open_model(self, assignment: AgentAssignment, slug: str | None) -> Model:
        entry = catalog.current().get(slug or MODEL)
        if self.max_output_tokens is not None:
            entry = entry.model_copy(update={"max_output_tokens": self.max_output_tokens})
        api = self.family_apis.get(entry.family, self.api)
        if api != "messages":
            return self._openai_model(entry, api)
        client = AsyncAnthropic(base_url=self.base_url or self.upstream.url, api_key="key", max_retries=0)
        return MessagesModel(
            entry,
            client,
            Margin(MARGIN_PCT),
            self.retry_policy,
            owned=_Closing(client),
            counts_tokens=self.counts_tokens,
        )

    def _openai_model(self, entry: CatalogueEntry, api: ApiName) -> Model:
        from workers.llm.openai_api.model import open_model

        url = self.base_url or (self.openai.url if self.openai else "")
        http, timeout = httpx2.AsyncClient(), httpx2.Timeout(300)
        return open_model(
            entry,
            Endpoint(base_url=url, api=api),
            None,
            margin=Margin(MARGIN_PCT),
            retry_policy=self.retry_policy,
            timeout=timeout,
            http=http,
            owned=http,
        )

    @asynccontextmanager
    async def _open_workspace(self, assignment: AgentAssignment, recorder: Recorder) -> AsyncIterator[Any]:
        folder = self.instance.settings.home / "rooms" / str(assignment.job_id)
        folder.mkdir(parents=True, exist_ok=True)
        yield PlainWorkspace(assignment, assignment.skill, recorder, folder, assignment.drive_dir)
        shutil.rmtree(folder)


@dataclass
class _Closing:
    client: AsyncAnthropic

    async def aclose(self) -> None:
        await self.client.close()


@pytest.fixture
def upstream() -> Iterator[MessagesServer]:
    """Run the server that replies as every model."""
    with MessagesServer().running() as server:
        yield server


@pytest.fixture
def openai() -> Iterator[OpenAIServer]:
    """Run the server that replies as every model of the APIs of OpenAI."""
    with OpenAIServer().running() as server:
        yield server


@dataclass(frozen=True, slots=True)
class Served:
    """An instance and the application that serves it."""

    app: FastAPI
    instance: AppContext


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    database_url: str, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """Run one instance for the tests of a file; each test has its own project."""
    home = tmp_path_factory.mktemp("agents")
    database, redis = Database(database_url), Redis.from_url(servers.redis_url)
    empty(database_url)
    settings = Settings(home=home, port=8123, public_url=None)
    instance = AppContext(
        settings=settings,
        database=database,
        redis=redis,
        storage=LocalStorage(home / "storage"),
        vault=Vault.open(home, None),
        wakeups=WakeUpListener(redis),
    )
    app = create_app(settings)
    async with serving(app, instance):
        yield Served(app, instance)
    await redis.aclose()
    await database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def agents(served: Served, upstream: MessagesServer) -> AsyncIterator[Agents]:
    """Create a project with money and the skill `sum`."""
    database = served.instance.database
    projects = Projects(served.app, database, [])
    project = await projects.make("Acme")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=100_000_000, created_by="test")
        await session.execute(text("update admissions set concurrency_limit = 50"))
    await project.pushed(BUNDLE)
    yield Agents(project, served.instance, upstream)
    for client in projects.clients:
        await client.aclose()


__all__ = ["MODEL", "Agents", "CountingTool", "bundle"]
