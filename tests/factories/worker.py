"""A worker in the process of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from backend.core.db.engine import Database
from workers.supervisor import Supervisor

WAKE_S = 0.05
HEARTBEAT_S = 1.0


@asynccontextmanager
async def woken(
    supervisor: Supervisor, *, drain_s: float = 5, heartbeats: Database | None = None
) -> AsyncIterator[Supervisor]:
    """Run a worker while the block runs; it drains at the end.

    It is woken often, as the messages of the queue wake the process of a worker. Otherwise it would notice a job with
    the next sweep, after up to two seconds. With a database for `heartbeats`, it also lives longer than its lease.
    """
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=drain_s))
    helpers = [asyncio.create_task(_wake(supervisor))]
    if heartbeats is not None:
        helpers.append(asyncio.create_task(_send_heartbeats(supervisor, heartbeats)))
    try:
        yield supervisor
    finally:
        for helper in helpers:
            helper.cancel()
        supervisor.stop()
        await running


async def _wake(supervisor: Supervisor) -> None:
    while True:
        supervisor.wake()
        await asyncio.sleep(WAKE_S)


async def _send_heartbeats(supervisor: Supervisor, database: Database) -> None:
    """Write the heartbeats that a thread of the process of a worker writes."""
    query = text("update workers set beat_at = now() where id = :id")
    while True:
        async with database.transaction() as session:
            await session.execute(query, {"id": supervisor.worker_id})
        await asyncio.sleep(HEARTBEAT_S)
