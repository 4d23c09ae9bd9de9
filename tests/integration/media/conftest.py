"""A running job with money, an instance with or without a fal.ai key, and a server that imitates fal.ai."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text

from backend.app import create_app, serving
from backend.config import Settings
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.identity.auth import job_tokens
from backend.money.ledger import service as ledger
from backend.storage import removal
from backend.storage.local import LocalStorage
from tests.doubles.fal import FalServer
from tests.integration.deployments.conftest import Project, Projects

SKILL = """
entrypoint: main.py:run
image_model: auto
limits: {cost_usd: 5}
input_schema: {type: object, properties: {code: {type: text}}}
output_schema: {type: object, properties: {results: {type: array}}}
"""
BUNDLE = {
    "skills/paint/skill.yaml": SKILL.encode(),
    "skills/paint/main.py": (
        b"def run(code):\n    results = []\n    exec(code, {'results': results})\n    return {'results': results}\n"
    ),
}


@pytest.fixture(scope="session")
def fal_server() -> Iterator[FalServer]:
    """Run one server for all tests of this process."""
    with FalServer().running() as server:
        yield server


@pytest.fixture
def fal(fal_server: FalServer) -> FalServer:
    """Return the server without orders."""
    fal_server.wishes, fal_server.orders, fal_server.fetched = [], [], []
    return fal_server


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Return settings, with a key for the server if the test requests it."""
    fal_settings: dict[str, Any] = {}
    if "fal" in request.fixturenames:
        fal: FalServer = request.getfixturevalue("fal")
        fal_settings = {
            "fal_key": fal.key,
            "fal_base_url": fal.url,
            "provider_hosts": fal.host,
            "media_timeout_s": 5,
        }
    return Settings(home=tmp_path, port=8123, public_url=None, **fal_settings)


@pytest_asyncio.fixture
async def instance(database: Database, redis_url: str, settings: Settings) -> AsyncIterator[AppContext]:
    """Create an instance with these settings."""
    redis = Redis.from_url(redis_url)
    home = settings.home
    yield AppContext(
        settings=settings,
        database=database,
        redis=redis,
        storage=LocalStorage(home / "storage"),
        vault=Vault.open(home, None),
        wakeups=WakeUpListener(redis),
    )
    await redis.aclose()
    removal.remove(home / "storage")


@pytest_asyncio.fixture
async def app(instance: AppContext) -> AsyncIterator[FastAPI]:
    """Create the application that serves the instance."""
    app = create_app(instance.settings)
    async with serving(app, instance):
        yield app


@dataclass
class Running:
    """A running job, with the API as the code of the job sees it."""

    project: Project
    instance: AppContext
    http: httpx.AsyncClient
    job_id: UUID

    async def request_media(
        self, verb: str | None = "image", key: str | None = None, **over: Any
    ) -> httpx.Response:
        """Request the generation of media and return the response."""
        body = {"verb": verb, "inputs": {"prompt": "an owl"}, **over}
        headers = {"Idempotency-Key": key} if key else {}
        return await self.http.post("/v1/media/generate", json=body, headers=headers)

    async def create_media(self, verb: str | None = "image", **over: Any) -> Any:
        """Request the generation of media, check that it succeeded, and return the response body."""
        response = await self.request_media(verb, **over)
        assert response.status_code == 201, response.text
        return response.json()

    async def file(self, path: str) -> bytes:
        """Return a file of the drive."""
        response = await self.project.http.get(f"/v1/drive/files/{path}")
        assert response.status_code == 200, response.text
        return response.content

    async def one(self, query: str) -> Any:
        """Return one row of a query about this job."""
        async with self.instance.database.transaction() as session:
            return (await session.execute(text(query), {"job_id": self.job_id})).one()

    async def change(self, query: str) -> None:
        """Execute a statement in the database."""
        async with self.instance.database.transaction() as session:
            await session.execute(text(query), {"job_id": self.job_id})


@pytest_asyncio.fixture
async def project(app: FastAPI, database: Database) -> AsyncIterator[Project]:
    """Create a project with money and the skill `paint`."""
    projects = Projects(app, database, [])
    project = await projects.make("Acme")
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=project.id, amount_micros=10_000_000, created_by="test")
    await project.pushed(BUNDLE)
    yield project
    for client in projects.clients:
        await client.aclose()


@pytest_asyncio.fixture
async def running(app: FastAPI, instance: AppContext, project: Project) -> AsyncIterator[Running]:
    """Create a running job of the skill, with a reservation of one dollar."""
    submitted = await project.http.post("/v1/jobs", json={"skill": "paint", "inputs": {"code": ""}})
    job_id = UUID(submitted.json()["id"])
    async with instance.database.transaction() as session:
        await session.execute(text("delete from job_queue"))
        await session.execute(
            text(
                "update jobs set status = 'running', attempt = 1, reserved_micros = 1000000, started_at = now()"
            )
        )
        await session.execute(text("update wallets set reserved_micros = 1000000"))
    token = job_tokens.mint(
        instance.vault,
        project_id=project.id,
        job_id=job_id,
        attempt=1,
        expires_at=now() + timedelta(minutes=5),
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://127.0.0.1:8123",
        headers={"X-Puras-Service-Token": token},
        timeout=60,
    ) as http:
        yield Running(project, instance, http, job_id)


@pytest_asyncio.fixture
async def api_base(app: FastAPI) -> AsyncIterator[str]:
    """Return the URL of the application on its own port."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - it offers no event to wait for
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await serving
