"""Register and unregister worker processes. `jobs.attempts.recovery` handles lost workers."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.engine import AnySession

LEASE = timedelta(seconds=10)  # three missed heartbeats
MAX_IDLE_IN_TRANSACTION_S = 10
"""A worker that is frozen as long as the lease has lost its jobs, so the database ends its open transaction."""
HEARTBEAT_INTERVAL_S = 3.0
MAX_HEARTBEAT_AGE = timedelta(seconds=4)
"""A worker without a heartbeat for this long receives no jobs from submissions. It may still claim jobs."""
SWEEP_INTERVAL_S = 2.0

_JOIN = text("""
insert into workers (id, host, pid, lanes, capacity, running, sandbox_layers, started_at, beat_at, stopping)
values (:id, :host, :pid, :lanes, :capacity, 0, :layers, now(), now(), false)
""")
_LEAVE = text("delete from workers where id = :id")
_CANCELLED_JOBS = text("""
select id from jobs where worker_id = :id and finished_at is null and cancel_requested_at is not null
""")


async def join(
    session: AsyncSession, worker_id: UUID, *, lanes: list[str], capacity: int, layers: list[str]
) -> None:
    """Register this process."""
    await session.execute(
        _JOIN,
        {
            "id": worker_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "lanes": lanes,
            "capacity": capacity,
            "layers": layers,
        },
    )


async def leave(session: AsyncSession, worker_id: UUID) -> None:
    """Unregister the process, which runs no job any more."""
    await session.execute(_LEAVE, {"id": worker_id})


async def cancelled_jobs(session: AnySession, worker_id: UUID) -> list[UUID]:
    """Return the running jobs of this worker that are to be canceled, in case a notification was lost."""
    return [row.id for row in await session.execute(_CANCELLED_JOBS, {"id": worker_id})]
