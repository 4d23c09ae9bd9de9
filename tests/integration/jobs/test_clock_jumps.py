"""The clock of the database changes while jobs run: leases become neither shorter nor longer."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import claim
from backend.execution.worker_registry import service as worker_registry
from tests.factories.movable_clock import movable_clock, move
from tests.factories.tenants import make_job, make_tenant
from workers.supervisor import Supervisor

HOUR_S = 3600.0


@pytest_asyncio.fixture
async def movable(database_url: str) -> AsyncIterator[Database]:
    """Connect to a database whose clock can be changed."""
    with movable_clock(database_url):
        database = Database(database_url, pool_size=4)
        yield database
        await database.close()


@pytest_asyncio.fixture
async def supervisor(instance: AppContext, movable: Database) -> Supervisor:
    """Return a worker that sweeps, and has read the clock once."""
    supervisor = Supervisor(replace(instance, database=movable), {}, lanes=["default"], capacity=1)
    await supervisor.join([])
    await supervisor._sweep()
    return supervisor


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
async def test_job_continues_and_a_silent_worker_is_still_detected(
    supervisor: Supervisor, movable: Database, database_url: str, jump_s: float
) -> None:
    busy, silent = await join_worker(movable), await join_worker(movable)
    async with movable.transaction() as session:
        await make_job(session, await make_tenant(session))
        (job,) = await claim(session, worker_id=busy, lane="default", limit=1)

    move(database_url, jump_s)
    await supervisor._sweep()
    assert {busy, silent} <= await workers(movable)

    await send_heartbeat(movable, busy, supervisor.worker_id)
    supervisor._sweeper.unavailable_at = (
        -math.inf
    )  # as if a lease had passed since the database was unavailable
    await supervisor._sweep()
    assert await workers(movable) == {busy, supervisor.worker_id}
    async with movable.read_session() as session:
        query = text("select status, attempt from jobs where id = :id")
        assert tuple((await session.execute(query, {"id": job.job_id})).one()) == ("running", 1)


async def join_worker(database: Database) -> UUID:
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=1, layers=[])
    return worker_id


async def send_heartbeat(database: Database, *worker_ids: UUID) -> None:
    async with database.transaction() as session:
        query = text("update workers set beat_at = now() where id = any(:ids)")
        await session.execute(query, {"ids": list(worker_ids)})


async def workers(database: Database) -> set[UUID]:
    async with database.read_session() as session:
        return set((await session.scalars(text("select id from workers"))).all())
