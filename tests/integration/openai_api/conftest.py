"""Serve an instance over a socket for the SDKs of OpenAI, with a worker whose models a server of the test imitates."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest_asyncio
import uvicorn
from openai import AsyncOpenAI

from backend.core import notifications
from backend.core.http.request_limits import BoundedHttp
from backend.core.notifications import RedisNotifier
from tests.doubles.messages import MessagesServer
from tests.integration.agents.conftest import Agents, Served, agents, served, upstream

TALKER = """
description: Talks about birds.
entrypoint: prompt.md
model: claude/haiku-4-5
input_schema: {type: object, properties: {question: {type: text}}, required: [question]}
output_schema: {type: object, properties: {answer: {type: text}}}
"""
GRADER = """
entrypoint: prompt.md
model: claude/haiku-4-5
input_schema: {type: object, properties: {topic: {type: string}, level: {type: integer, default: 1}}, required: [topic]}
output_schema:
  type: object
  properties:
    summary: {type: text}
    score: {type: integer}
"""
FUNCTION = b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
output_schema: {type: object, properties: {n: {type: integer}}}
"""
BUNDLE = {
    "skills/talk/skill.yaml": TALKER.encode(),
    "skills/talk/prompt.md": b"You answer questions about birds.",
    "skills/grade/skill.yaml": GRADER.encode(),
    "skills/grade/prompt.md": b"You write summaries.",
    "skills/double/skill.yaml": FUNCTION,
    "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n}\n",
}


@dataclass(frozen=True)
class Place:
    """The instance and its project, as an application sees them."""

    agents: Agents
    url: str
    """The base URL for the SDKs."""
    key: str
    clients: list[AsyncOpenAI] = field(default_factory=list)

    @property
    def upstream(self) -> MessagesServer:
        """Return the server that replies as every model."""
        return self.agents.upstream

    def client(self, **options: Any) -> AsyncOpenAI:
        """Return the stock client, which repeats nothing."""
        client = AsyncOpenAI(**{"base_url": self.url, "api_key": self.key, "max_retries": 0, **options})
        self.clients.append(client)
        return client

    async def key_for(self, **fields: Any) -> str:
        """Create another key of the project."""
        response = await self.agents.project.http.post("/v1/api-keys", json={"name": "other", **fields})
        assert response.status_code == 201, response.text
        return str(response.json()["key"])

    async def job(self) -> Any:
        """Return the only job of the project."""
        [job] = await self.jobs()
        return job

    async def jobs(self) -> list[Any]:
        """Return the jobs of the project, newest first."""
        response = await self.agents.project.http.get("/v1/jobs")
        jobs: list[Any] = response.json()
        return jobs


@pytest_asyncio.fixture(loop_scope="module")
async def idle_place(served: Served, agents: Agents, redis_url: str) -> AsyncIterator[Place]:
    """Serve the instance over a socket, without a worker."""
    await agents.project.pushed(BUNDLE)
    config = uvicorn.Config(
        served.app,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ws="none",
        http=BoundedHttp,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    key = agents.project.http.headers["Authorization"].removeprefix("Bearer ")
    notifier = RedisNotifier(redis_url)
    notifications.use(notifier)
    agents.instance.wakeups.start()
    place = Place(agents, f"http://127.0.0.1:{port}/v1/openai", key)
    try:
        yield place
    finally:
        for client in place.clients:
            await client.close()
        server.should_exit = server.force_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await agents.instance.wakeups.close()
        notifications.use(None)
        await notifier.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def place(idle_place: Place) -> AsyncIterator[Place]:
    """Serve the instance over a socket, with a worker for agents."""
    async with idle_place.agents.running_worker():
        yield idle_place


__all__ = ["BUNDLE", "Place", "agents", "served", "upstream"]
