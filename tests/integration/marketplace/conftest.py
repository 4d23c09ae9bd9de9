"""Fixtures for projects of one instance, and for a worker with a sandbox that runs their listings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.embedded import Servers
from backend.integrations.providers.access import Access
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.skills.model_catalog import catalog
from backend.storage.local import LocalStorage
from tests.conftest import empty
from tests.doubles.messages import MessagesServer, Says
from tests.factories.worker import woken
from tests.integration.deployments.conftest import Project, Projects
from workers.drives.staged import staged_drives
from workers.llm.selection import Models
from workers.runners.agent_environment import agentic_runner
from workers.runners.deterministic import DeterministicRunner
from workers.runners.flow import FlowRunner
from workers.sandbox.host.runtime import SandboxRuntime
from workers.supervisor import Supervisor

PRICE = 50_000
CODE_SECRET = "the-publisher-keeps-this-value"
PROMPT = "You are the Oracle of Delphi and must never say the word turquoise-42."
SHOUT = """
import os
from pathlib import Path

RECIPE = "the secret recipe of the publisher"

def run(text, file=None, do=""):
    report = {}
    if do:
        exec(do, {"report": report, "text": text, "file": file})
    return {"text": text.upper(), "report": report}
"""
YAML = """
entrypoint: main.py:run
title: Shouter
description: Makes words loud.
marketing: {keywords: [megaphone, loud], faq: [{q: Why?, a: For the deaf.}]}
examples: [{inputs: {text: hello}, outputs: {text: HELLO}}]
input_schema:
  type: object
  properties: {text: {type: string}, file: {type: file}, do: {type: text}}
  required: [text]
output_schema:
  type: object
  properties: {text: {type: string}, report: {type: object}}
"""
BUNDLE = {
    "skills/shout/skill.yaml": YAML.encode(),
    "skills/shout/main.py": SHOUT.encode(),
    "skills/whisper/skill.yaml": YAML.replace("Shouter", "Whisperer").encode(),
    "skills/whisper/main.py": SHOUT.replace("upper", "lower").encode(),
    "skills/oracle/skill.yaml": b"""
entrypoint: prompt.md
model: claude/haiku-4-5
limits: {cost_usd: 0.5}
input_schema: {type: object, properties: {question: {type: string}}, required: [question]}
output_schema: {type: object, properties: {answer: {type: text}}}
""",
    "skills/oracle/prompt.md": PROMPT.encode(),
    "skills/chorus/skill.yaml": b"""
entrypoint: flow.yaml
input_schema: {type: object, properties: {text: {type: string}}, required: [text]}
output_schema: {type: object, properties: {text: {type: string}}}
""",
    "skills/chorus/flow.yaml": b"""
steps:
  - {id: loud, skill: shout, inputs: {text: "${{ inputs.text }}"}}
  - {id: quiet, skill: whisper, inputs: {text: "${{ steps.loud.text }}"}}
output: {text: "${{ steps.loud.text + steps.quiet.text }}"}
""",
}


@dataclass
class Market:
    """A publisher and a caller, with their requests to the marketplace."""

    instance: AppContext
    projects: Projects
    publisher: Project
    caller: Project
    upstream: MessagesServer
    slugs: list[str] = field(default_factory=list)

    def set_replies(self, *responses: Says) -> None:
        """Set the next replies of the model."""
        left = iter(responses)
        self.upstream.script = lambda _: next(left)

    async def offer(self, skill: str = "shout", *, publish: bool = True, **over: Any) -> str:
        """Create a listing of the skill and return its slug."""
        slug = f"{skill}-{len(self.slugs)}-{self.publisher.slug[-6:]}"
        self.slugs.append(slug)
        body = {"slug": slug, "skill": skill, "price_micros": PRICE, **over}
        made = await self.publisher.http.post("/v1/marketplace/listings", json=body)
        assert made.status_code == 201, made.text
        if publish:
            await self.change(slug, status="published")
        return slug

    async def change(self, slug: str, **changes: Any) -> Any:
        """Change a listing of the publisher."""
        response = await self.publisher.http.patch(f"/v1/marketplace/listings/{slug}", json=changes)
        assert response.status_code == 200, response.text
        return response.json()

    async def submit(
        self, slug: str, *, by: Project | None = None, version: int | None = None, **over: Any
    ) -> httpx.Response:
        """Submit a run of the listing."""
        body = {"listing_id": slug, "inputs": {"text": "hello"}, **over}
        params = {"version": version} if version else {}
        return await (by or self.caller).http.post("/v1/jobs", json=body, params=params)

    async def run(self, slug: str, **over: Any) -> Any:
        """Submit a run of the listing and return its finished job."""
        submitted = await self.submit(slug, **over)
        assert submitted.status_code == 201, submitted.text
        return await self.ended(submitted.json()["id"], by=over.get("by"))

    async def ended(self, job_id: str, *, by: Project | None = None) -> Any:
        """Wait for the end of the job and return it."""
        async with asyncio.timeout(40):
            while True:
                job = (await (by or self.caller).http.get(f"/v1/jobs/{job_id}")).json()
                if job["finished_at"] is not None:
                    return job
                await asyncio.sleep(0.02)

    async def until(self, job_id: str, status: str) -> None:
        """Wait until the job of the caller has the status."""
        async with asyncio.timeout(20):
            while True:
                if (await self.caller.http.get(f"/v1/jobs/{job_id}")).json()["status"] == status:
                    return
                await asyncio.sleep(0.02)

    async def until_held(self, micros: int) -> None:
        """Wait until the amount is reserved in the wallet of the caller, which is shortly after the start."""
        async with asyncio.timeout(20):
            while (await self.caller.http.get("/v1/billing/balance")).json()["reserved_micros"] != micros:  # noqa: ASYNC110 - only available over REST
                await asyncio.sleep(0.02)

    async def balance(self, project: Project) -> int:
        """Return the balance of the wallet of the project."""
        return int((await project.http.get("/v1/billing/balance")).json()["balance_micros"])

    async def all_readable_text(self, job_id: str) -> str:
        """Return everything that the caller can read about a job, as text."""
        http = self.caller.http
        paths = ("", "/events", "/spans", "/receipt", "/outputs", "/stream")
        responses = [await http.get(f"/v1/jobs/{job_id}{path}") for path in paths]
        lists = [
            "/v1/jobs?limit=200",
            "/v1/billing/ledger",
            "/v1/usage?group_by=day,skill,listing",
            "/v1/audit",
        ]
        lists += ["/v1/usage?group_by=model", "/v1/approvals", "/v1/drive"]
        responses += [await http.get(path) for path in lists]
        assert all(response.status_code in (200, 403) for response in responses), [a.text for a in responses]
        return "\n".join(response.text for response in responses)

    async def ledger_is_consistent(self) -> bool:
        """Return whether the ledger is consistent."""
        async with self.instance.database.transaction() as session:
            return await audit.check_ledger(session) == []


@dataclass(frozen=True, slots=True)
class Served:
    """An instance with its application, a worker and the server of the models."""

    app: FastAPI
    instance: AppContext
    upstream: MessagesServer


@pytest.fixture(scope="module")
def upstream() -> Iterator[MessagesServer]:
    """Run the server of all models."""
    with MessagesServer().running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    database_url: str, servers: Servers, upstream: MessagesServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """Serve one instance with one worker for the tests of a module; each test has its own projects."""
    home = tmp_path_factory.mktemp("market")
    database, redis = Database(database_url), Redis.from_url(servers.redis_url)
    empty(database_url)
    settings = Settings(home=home, port=8123, public_url=None, market_fee_pct=10)
    instance = AppContext(
        settings=settings,
        database=database,
        redis=redis,
        storage=LocalStorage(home / "storage"),
        vault=Vault.open(home, None),
        wakeups=WakeUpListener(redis),
    )
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off"))
    async with serving(app, instance):
        listening = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        working = _worker(instance, upstream, f"http://127.0.0.1:{port}")
        async for _ in working:
            yield Served(app, instance, upstream)
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await listening
    await redis.aclose()
    await database.close()


async def _worker(instance: AppContext, upstream: MessagesServer, api_base: str) -> AsyncIterator[None]:
    endpoints = catalog.current().endpoints
    endpoint = endpoints["anthropic"].model_copy(update={"base_url": upstream.url})
    models = Models(
        Access({**endpoints, "anthropic": endpoint}, {"anthropic": "key"}),
        margin_pct=20,
        default_model="claude/haiku-4-5",
    )
    functions = DeterministicRunner(
        SandboxRuntime(instance.settings.home, sandbox="auto", api_base=api_base, idle_s=60, pool_mb=512)
    )
    runners = {
        "deterministic": functions,
        "agentic": agentic_runner(instance, functions.runtime, models),
        "flow": FlowRunner(instance),
    }
    drives = staged_drives(instance)
    supervisor = Supervisor(instance, runners, lanes=["default"], capacity=4, drives=drives)
    try:
        async with woken(supervisor):
            yield
    finally:
        await functions.close()
        await models.close()
        await asyncio.to_thread(drives.close)


@pytest_asyncio.fixture(loop_scope="module")
async def market(served: Served) -> AsyncIterator[Market]:
    """Create a publisher with a bundle, and a caller with credit."""
    made = Projects(served.app, served.instance.database, [])
    publisher, caller = await made.make("Publisher"), await made.make("Caller")
    async with served.instance.database.transaction() as session:
        await ledger.top_up(session, project_id=caller.id, amount_micros=5_000_000, created_by="test")
        await ledger.top_up(session, project_id=publisher.id, amount_micros=1_000_000, created_by="test")
    await publisher.pushed(BUNDLE)
    yield Market(served.instance, made, publisher, caller, served.upstream)
    for client in made.clients:
        await client.aclose()
