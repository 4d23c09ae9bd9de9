"""Conversations over REST, with a worker whose models a server of the test imitates."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest_asyncio

from tests.doubles.messages import MessagesServer
from tests.integration.agents.conftest import Agents, agents, served, upstream
from tests.integration.openai_api.conftest import BUNDLE, Place, idle_place, place


@dataclass(frozen=True)
class Chat:
    """One session, as a client sees it."""

    http: Any
    id: str
    headers: dict[str, str]

    async def send(self, content: Any, *, status: int = 201, **fields: Any) -> Any:
        """Send a message, and return the response."""
        response = await self.http.post(
            f"/v1/sessions/{self.id}/messages", json={"content": content, **fields}, headers=self.headers
        )
        assert response.status_code == status, response.text
        return response.json()

    async def messages(self) -> list[Any]:
        """Return all messages and replies."""
        response = await self.http.get(f"/v1/sessions/{self.id}/messages?limit=200", headers=self.headers)
        assert response.status_code == 200, response.text
        messages: list[Any] = response.json()
        return messages

    async def read(self) -> Any:
        """Return the session."""
        response = await self.http.get(f"/v1/sessions/{self.id}", headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def when_idle(self) -> list[Any]:
        """Return all messages when each has a reply."""
        async with asyncio.timeout(30):
            while True:
                messages = await self.messages()
                if len(messages) % 2 == 0 and all(one["status"] not in RUNNING for one in messages):
                    return messages
                await asyncio.sleep(0.02)


RUNNING = {"queued", "running", "waiting"}


async def started(agents: Agents, skill: str = "talk", **fields: Any) -> Chat:
    """Start a session with the key of the project."""
    http = agents.project.http
    response = await http.post("/v1/sessions", json={"skill": skill, **fields})
    assert response.status_code == 201, response.text
    return Chat(http, response.json()["id"], {})


def said(message: Any) -> str:
    """Return the text of a message."""
    return "".join(block.get("text", "") for block in message["content"])


async def frames_of(response: httpx.Response) -> AsyncIterator[tuple[str, str, Any]]:
    """Iterate over the frames of a stream: ID, event, data."""
    frame: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            frame[name] = value
        elif "event" in frame:
            yield frame.get("id", ""), frame["event"], json.loads(frame["data"])
            frame = {}
        else:
            frame = {}


@pytest_asyncio.fixture(loop_scope="module")
async def pushed(agents: Agents) -> Agents:
    """Push the skills."""
    await agents.project.pushed(BUNDLE)
    return agents


@pytest_asyncio.fixture(loop_scope="module")
async def working(pushed: Agents) -> AsyncIterator[Agents]:
    """Push the skills, and run a worker."""
    async with pushed.running_worker():
        yield pushed


__all__ = [
    "Chat",
    "MessagesServer",
    "Place",
    "agents",
    "idle_place",
    "place",
    "pushed",
    "served",
    "started",
    "upstream",
    "working",
]
