"""A worker in the process of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db.connections import DatabaseUnavailable
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.worker_registry.service import LEASE
from workers.supervisor import Supervisor

WAKE_S = 0.05
HEARTBEAT_S = 1.0


@asynccontextmanager
async def woken(supervisor: Supervisor, *, drain_s: float = 5) -> AsyncIterator[Supervisor]:
    """Run a worker while the block runs; it drains at the end.

    It is woken often, as the messages of the queue wake the process of a worker. Otherwise it would notice a job with
    the next sweep, after up to two seconds.
    """
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=drain_s))
    helpers = [asyncio.create_task(_wake(supervisor)), asyncio.create_task(_send_heartbeats(supervisor))]
    try:
        yield supervisor
    finally:
        for helper in helpers:
            helper.cancel()
        supervisor.stop()
        await running


async def lose(supervisor: Supervisor) -> None:
    """Expire the lease of a worker and requeue its jobs; the worker notices that and joins again.

    It claims nothing in between, as the process of a worker, which compares the age of its last heartbeat first.
    """
    lost, has_lease = supervisor.worker_id, supervisor.has_lease
    database = supervisor._context.database
    supervisor.has_lease = lambda: False
    async with database.transaction() as session:
        await session.execute(
            text("update workers set beat_at = to_timestamp(0) where id = :id"), {"id": lost}
        )
    async with database.transaction() as session:
        await sweep(session)
    await supervisor.rejoin(lost, [])
    supervisor.has_lease = has_lease
    supervisor.wake()


async def _wake(supervisor: Supervisor) -> None:
    while True:
        supervisor.wake()
        await asyncio.sleep(WAKE_S)


async def _send_heartbeats(supervisor: Supervisor) -> None:
    """Write the heartbeats that a thread of the process of a worker writes, unless the test has expired its lease."""
    query = text("update workers set beat_at = now() where id = :id and beat_at > now() - :lease")
    while True:
        with suppress(DatabaseUnavailable, DBAPIError):  # a test may end or freeze the database
            async with supervisor._context.database.transaction() as session:
                await session.execute(query, {"id": supervisor.worker_id, "lease": LEASE})
        await asyncio.sleep(HEARTBEAT_S)
