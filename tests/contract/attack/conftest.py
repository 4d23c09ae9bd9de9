"""An instance on a socket, a victim in it, and callers of every kind."""

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
from tests.contract.attack.world import Headers, People, Victim, bearer, make_owner, make_victim


@dataclass(frozen=True, slots=True)
class World:
    """Who and what there is."""

    base_url: str
    database_url: str
    victim: Victim
    unknown: dict[str, Headers]
    """Callers who are nobody here: nothing of theirs may even be read."""
    strangers: dict[str, Headers]
    """Callers of other projects, who name the victim's."""
    viewer: Headers
    """A member of the victim's project who may only look."""
    publishable: Headers
    """The victim's own publishable key."""
    owner: Victim
    """Another project, whose owner does everything with it."""
    careless: Victim
    """And one whose owner sends bytes that mean nothing."""
    chained: Victim
    """And one whose owner goes on from each answer to the next request."""
    chained_publishable: Headers
    """The publishable key of that project."""

    def new_key_of_chained(self) -> Headers:
        """A key for everything in that project, which has not narrowed or revoked itself yet."""
        return self.new_key_of(self.chained.id)

    def new_key_of(self, project_id: UUID) -> Headers:
        """The same for any project."""

        async def made() -> str:
            database = Database(self.database_url)
            try:
                return await People(database, 0).key(project_id)
            finally:
                await database.close()

        return bearer(asyncio.run(made()))


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """One instance for all attacks."""
    with instance(PURAS_WORKER_PROCESSES="1", PURAS_WORKER_JOBS="4") as running:
        database_url = attach(Settings(home=running.home)).database_url

        async def planted() -> World:
            database = Database(database_url)
            people = People(database, running.port)
            try:
                victim = await make_victim(people, running)
                mallory = await people.user("mallory@example.org")
                other = (await people.project("Other", mallory)).id
                chained = await make_owner(people, running, "Chn")
                reader = await people.user("reader@example.org")
                await people.member(victim.id, reader, Role.VIEWER)
                return World(
                    base_url=f"http://127.0.0.1:{running.port}",
                    database_url=database_url,
                    victim=victim,
                    unknown={
                        "nobody": {},
                        "revoked key": bearer(await people.ended_key(victim.id, "revoked_at")),
                        "expired key": bearer(await people.ended_key(victim.id, "expires_at")),
                    },
                    strangers={
                        "another project's key": bearer(await people.key(other)),
                        "another project's publishable key": bearer(await people.key(other, "publishable")),
                        "another project's owner": await people.session(mallory, victim.id),
                    },
                    viewer=await people.session(reader, victim.id),
                    publishable=bearer(await people.key(victim.id, "publishable")),
                    owner=await make_owner(people, running, "Own"),
                    careless=await make_owner(people, running, "Raw"),
                    chained=chained,
                    chained_publishable=bearer(await people.key(chained.id, "publishable")),
                )
            finally:
                await database.close()

        world = asyncio.run(planted())
        yield world
        world.victim.owner.close()
        world.owner.owner.close()
        world.careless.owner.close()
        world.chained.owner.close()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the rounds where the table finds them."""
    item.user_properties.append(("rounds", ROUNDS))
