"""An instance on a socket, a victim project in it, and all kinds of callers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest

from backend.config import Settings
from backend.core.db.engine import Database
from backend.embedded import attach
from backend.identity.auth.principal import Role
from benchmarks.instance import instance
from tests.chaos.rounds import ROUNDS
from tests.contract.attack.world import AccountFactory, Headers, Victim, bearer, make_owner, make_victim


@dataclass(frozen=True, slots=True)
class World:
    """The instance, its projects and its callers."""

    base_url: str
    database_url: str
    victim: Victim
    unauthenticated: dict[str, Headers]
    """Callers without a valid account: no part of their request may even be read."""
    other_projects: dict[str, Headers]
    """Callers of other projects, who use the names of the victim's objects."""
    viewer: Headers
    """A viewer, who may only read, in the victim's project."""
    publishable: Headers
    """A publishable key of the victim's project."""
    owner: Victim
    """Another project, whose owner calls every operation on it."""
    careless: Victim
    """A project whose owner sends invalid bytes."""
    chained: Victim
    """A project whose owner uses each response for the next request."""
    chained_publishable: Headers
    """The publishable key of that project."""

    def new_key_of_chained(self) -> Headers:
        """Create a key with full access to that project, which is neither restricted nor revoked yet."""
        return self.new_key_of(self.chained.id)

    def new_key_of(self, project_id: UUID) -> Headers:
        """Create a key with full access to a project."""

        async def create_key() -> str:
            database = Database(self.database_url)
            try:
                return await AccountFactory(database, 0).key(project_id)
            finally:
                await database.close()

        return bearer(asyncio.run(create_key()))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """Start one instance for all attacks."""
    with instance(PURAS_WORKER_PROCESSES="1", PURAS_WORKER_JOBS="4") as running:
        database_url = attach(Settings(home=running.home)).database_url

        async def create_world() -> World:
            database = Database(database_url)
            accounts = AccountFactory(database, running.port)
            try:
                victim = await make_victim(accounts, running)
                mallory = await accounts.user("mallory@example.org")
                other = (await accounts.project("Other", mallory)).id
                chained = await make_owner(accounts, running, "Chn")
                reader = await accounts.user("reader@example.org")
                await accounts.member(victim.id, reader, Role.VIEWER)
                return World(
                    base_url=f"http://127.0.0.1:{running.port}",
                    database_url=database_url,
                    victim=victim,
                    unauthenticated={
                        "nobody": {},
                        "no credentials": {},
                        "expired key": bearer(await accounts.ended_key(victim.id, "expires_at")),
                    },
                    other_projects={
                        "another project's key": bearer(await accounts.key(other)),
                        "another project's publishable key": bearer(await accounts.key(other, "publishable")),
                        "another project's owner": await accounts.session(mallory, victim.id),
                    },
                    viewer=await accounts.session(reader, victim.id),
                    publishable=bearer(await accounts.key(victim.id, "publishable")),
                    owner=await make_owner(accounts, running, "Own"),
                    careless=await make_owner(accounts, running, "Raw"),
                    chained=chained,
                    chained_publishable=bearer(await accounts.key(chained.id, "publishable")),
                )
            finally:
                await database.close()

        world = asyncio.run(create_world())
        yield world
        world.victim.owner.close()
        world.owner.owner.close()
        world.careless.owner.close()
        world.chained.owner.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Record the number of rounds for the summary table."""
    item.user_properties.append(("rounds", ROUNDS))
