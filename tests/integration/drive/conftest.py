"""The REST application and callers, and one project with a drive."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest_asyncio

from backend.context import AppContext
from backend.identity.tables import Project
from backend.storage.sandbox_uids import sandbox_uid
from tests.integration.auth.conftest import World, client, world

__all__ = ["client", "world"]


@dataclass(frozen=True, slots=True)
class Drive:
    """A project's drive over REST, and as its jobs see it."""

    client: httpx.AsyncClient
    project: Project
    headers: dict[str, str]
    folder: Path

    async def upload(
        self, content: bytes, name: str = "photo.jpg", path: str | None = None, **headers: str
    ) -> httpx.Response:
        """Upload one file."""
        return await self.client.post(
            "/v1/drive/upload",
            files={"file": (name, content)},
            data={} if path is None else {"path": path},
            headers={**self.headers, **headers},
        )

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Read one file."""
        return await self.client.get(f"/v1/drive/files/{path}", headers={**self.headers, **headers})

    async def hash_once_settled(self, path: str) -> str:
        """The hash of a file that a job wrote, once it is told."""
        async with asyncio.timeout(20):
            while not (told := (await self.get(path)).headers).get("repr-digest"):  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.1)
        return told["etag"].strip('"')

    async def sign(self, path: str, ttl: int = 3600) -> httpx.Response:
        """Get a signed address."""
        return await self.client.post("/v1/drive/sign", json={"path": path, "ttl": ttl}, headers=self.headers)

    async def list(self, **query: object) -> httpx.Response:
        """List."""
        return await self.client.get("/v1/drive", params=query, headers=self.headers)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def drive(client: httpx.AsyncClient, world: World, instance: AppContext) -> Drive:
    project = await world.project("Acme")
    folder = instance.storage.drive_dir(project.id, sandbox_uid(project.number or 0))
    assert folder is not None
    return Drive(client, project, await world.key(project), folder)
