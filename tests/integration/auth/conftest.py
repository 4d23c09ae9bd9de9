"""Fixtures for callers of every kind."""

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
    """Return a separate browser, which stores cookies and does not follow redirects."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8123")


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without credentials."""
    async with browse(app) as client:
        yield client


@dataclass(frozen=True, slots=True)
class World:
    """A factory of users, projects and keys."""

    app: FastAPI
    database: Database

    async def user(self, email: str, *, is_operator: bool = False) -> User:
        """Create a user with the default password."""
        async with self.database.transaction() as session:
            return await users.create(session, email=email, password=PASSWORD, is_operator=is_operator)

    async def project(self, name: str, owner: User | None = None) -> Project:
        """Create a project."""
        async with self.database.transaction() as session:
            return await creation.create(
                session, name=name, owner_id=owner.id if owner else None, concurrency_limit=5
            )

    async def member(self, project: Project, user: User, role: Role = Role.DEVELOPER) -> None:
        """Add the user to the project."""
        async with self.database.transaction() as session:
            await members.add(session, operator(project.id), email=user.email, role=role)

    async def key(
        self, project: Project, kind: KeyKind = "secret", limits: Limits | None = None
    ) -> dict[str, str]:
        """Create a key of the project and return its headers."""
        async with self.database.transaction() as session:
            made = await keys.create(session, None, project_id=project.id, kind=kind, limits=limits)
        return {"Authorization": f"Bearer {made.plaintext}"}

    async def browser(self, user: User) -> httpx.AsyncClient:
        """Return a browser in which the user is signed in, and which sends the CSRF token of the session."""
        async with self.database.transaction() as session:
            started = await sessions.start(session, user)
        client = browse(self.app)
        client.cookies.set(sessions.cookie_name("http://127.0.0.1:8123"), started.token)
        client.headers["X-CSRF-Token"] = started.signed_in.csrf_token
        return client


@pytest.fixture
def world(app: FastAPI, database: Database) -> World:
    """Return the factory of users, projects and keys."""
    return World(app, database)
