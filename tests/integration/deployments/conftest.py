"""A project with an API key, and bundles to push."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from fastapi import FastAPI

from backend.administration.projects import creation
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import KeyKind
from backend.identity.auth.actors import operator
from backend.identity.auth.principal import Principal
from backend.skills.archives.pack import pack_files

SKILL = b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
output_schema: {type: object, properties: {n: {type: integer}}}
"""
BUNDLE = {
    "skills/double/skill.yaml": SKILL,
    "skills/double/main.py": b"def run(n):\n    return {'n': 2 * n}\n",
}


@dataclass(frozen=True, slots=True)
class Project:
    """A project and a client with one of its keys."""

    id: UUID
    slug: str
    http: httpx.AsyncClient

    @property
    def principal(self) -> Principal:
        """Return the operator as a principal of this project, for calls of services."""
        return operator(self.id)

    async def push(self, files: Mapping[str, bytes], *, where: str = "/v1", **form: str) -> httpx.Response:
        """Push a bundle of these files."""
        return await self.push_bytes(pack_files(files), where=where, **form)

    async def push_bytes(self, bundle: bytes, *, where: str = "/v1", **form: str) -> httpx.Response:
        """Push these bytes."""
        files = {"bundle": ("skillpack.zip", bundle, "application/zip")}
        return await self.http.post(f"{where}/deployments", files=files, data=form)

    async def pushed(self, files: Mapping[str, bytes], *, where: str = "/v1", **form: str) -> Any:
        """Push a bundle of these files, and check that it is accepted."""
        response = await self.push(files, where=where, **form)
        assert response.status_code == 201, response.text
        return response.json()


@dataclass(frozen=True, slots=True)
class Projects:
    """Creates projects, each with a client."""

    app: FastAPI
    database: Database
    clients: list[httpx.AsyncClient]

    async def make(self, name: str, kind: KeyKind = "secret") -> Project:
        """Create a project with a key of that kind."""
        async with self.database.transaction() as session:
            project = await creation.create(session, name=name, concurrency_limit=5)
            created = await keys.create(session, None, project_id=project.id, kind=kind)
        http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://127.0.0.1:8123",
            headers={"Authorization": f"Bearer {created.plaintext}"},
        )
        self.clients.append(http)
        return Project(project.id, project.slug, http)


@pytest_asyncio.fixture
async def make_project(app: FastAPI, database: Database) -> AsyncIterator[Projects]:
    """Return a factory of projects."""
    created = Projects(app, database, [])
    yield created
    for client in created.clients:
        await client.aclose()


@pytest_asyncio.fixture
async def project(make_project: Projects) -> Project:
    """Create one project."""
    return await make_project.make("Acme")
