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
    """The drive of a project, over REST and as its jobs see it."""

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

    async def wait_for_hash(self, path: str) -> str:
        """Return the hash of a file that a job wrote, as soon as the API reports it."""
        async with asyncio.timeout(20):
            while not (response := (await self.get(path)).headers).get("repr-digest"):  # noqa: ASYNC110 - no event for this
                await asyncio.sleep(0.1)
        return response["etag"].strip('"')

    async def sign(self, path: str, ttl: int = 3600) -> httpx.Response:
        """Request a signed URL."""
        return await self.client.post("/v1/drive/sign", json={"path": path, "ttl": ttl}, headers=self.headers)

    async def list(self, **query: object) -> httpx.Response:
        """Return one page of a listing."""
        return await self.client.get("/v1/drive", params=query, headers=self.headers)  # type: ignore[arg-type]


@pytest_asyncio.fixture
async def drive(client: httpx.AsyncClient, world: World, instance: AppContext) -> Drive:
    project = await world.project("Acme")
    folder = instance.storage.drive_dir(project.id, sandbox_uid(project.number or 0))
    assert folder is not None
    return Drive(client, project, await world.key(project), folder)
