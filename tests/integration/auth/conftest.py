"""Callers of every kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from backend.administration.projects import creation
from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import KeyKind, Limits
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.actors import operator
from backend.identity.auth.principal import Role
from backend.identity.projects import members
from backend.identity.tables import Project, User

PASSWORD = "three words make one"


def browse(app: FastAPI) -> httpx.AsyncClient:
    """A browser of its own: cookies are kept, redirects shown."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8123")


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    async with browse(app) as client:
        yield client


@dataclass(frozen=True, slots=True)
class World:
    """Makes people, projects and keys."""

    app: FastAPI
    database: Database

    async def user(self, email: str, *, is_operator: bool = False) -> User:
        """A person with the usual password."""
        async with self.database.transaction() as session:
            return await users.create(session, email=email, password=PASSWORD, is_operator=is_operator)

    async def project(self, name: str, owner: User | None = None) -> Project:
        """A project."""
        async with self.database.transaction() as session:
            return await creation.create(
                session, name=name, owner_id=owner.id if owner else None, concurrency_limit=5
            )

    async def member(self, project: Project, user: User, role: Role = Role.DEVELOPER) -> None:
        """Put the user into the project."""
        async with self.database.transaction() as session:
            await members.add(session, operator(project.id), email=user.email, role=role)

    async def key(
        self, project: Project, kind: KeyKind = "secret", limits: Limits | None = None
    ) -> dict[str, str]:
        """The headers of a new key of the project."""
        async with self.database.transaction() as session:
            made = await keys.create(session, None, project_id=project.id, kind=kind, limits=limits)
        return {"Authorization": f"Bearer {made.plaintext}"}

    async def browser(self, user: User) -> httpx.AsyncClient:
        """A browser in which the user is signed in; it sends the session's token with writes."""
        async with self.database.transaction() as session:
            begun = await sessions.start(session, user)
        client = browse(self.app)
        client.cookies.set(sessions.cookie_name("http://127.0.0.1:8123"), begun.token)
        client.headers["X-CSRF-Token"] = begun.signed_in.csrf_token
        return client


@pytest.fixture
def world(app: FastAPI, database: Database) -> World:
    """Makes people, projects and keys."""
    return World(app, database)
