"""Worker processes: joining, beating, leaving; what to do when one is lost is `jobs.recovery`."""

from __future__ import annotations

import os
import socket
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LEASE = timedelta(seconds=10)  # three missed beats
MAX_IDLE_IN_TRANSACTION_S = 10
"""A worker that is frozen as long as the lease has lost its jobs; the database ends its transaction and its locks."""
BEAT_EVERY_S = 3.0
SWEEP_EVERY_S = 2.0

_JOIN = text("""
insert into workers (id, host, pid, lanes, capacity, running, sandbox_layers, started_at, beat_at, stopping)
values (:id, :host, :pid, :lanes, :capacity, 0, :layers, now(), now(), false)
""")
_LEAVE = text("delete from workers where id = :id")
_ALIVE = text("select exists (select from workers where beat_at > now() - :lease and not stopping)")
_ASKED_TO_CANCEL = text("""
select id from jobs where worker_id = :id and status = 'running' and cancel_requested_at is not null
""")


async def join(
    session: AsyncSession, worker_id: UUID, *, lanes: list[str], capacity: int, layers: list[str]
) -> None:
    """Enter this process into the fleet."""
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
    """Take the process out of the fleet: it holds no job any more."""
    await session.execute(_LEAVE, {"id": worker_id})


async def any_alive(session: AsyncSession) -> bool:
    """Whether some worker takes jobs."""
    return bool((await session.execute(_ALIVE, {"lease": LEASE})).scalar_one())


async def asked_to_cancel(session: AsyncSession, worker_id: UUID) -> list[UUID]:
    """The jobs of this process whose end was asked for; finds what a lost ring did not tell."""
    return list((await session.execute(_ASKED_TO_CANCEL, {"id": worker_id})).scalars().all())
