"""The workers and the queue of the instance, as its operators see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.admin import access
from backend.administration.admin.errors import WorkerNotFound
from backend.administration.admin.schemas import RunningJob, WaitingJobsRead, WorkerRead
from backend.administration.monitoring import queue_state
from backend.execution.worker_registry.service import LEASE
from backend.identity.auth import audit
from backend.identity.auth.actors import SignedIn

_WORKERS = text("""
select id, host, pid, lanes, capacity, sandbox_layers, started_at, beat_at, stopping, shortage,
       beat_at > now() - cast(:lease as interval) as is_alive
from workers order by host, started_at, id
""")
_RUNNING = text("""
select j.worker_id, j.id, p.slug, j.skill_name, j.started_at
from jobs j join projects p on p.id = j.project_id
where j.status = 'running' and j.worker_id = any(:ids) order by j.started_at, j.id
""")
_DRAIN = text("update workers set stopping = true where id = :id returning host, pid")


async def workers(session: AsyncSession, who: SignedIn) -> Sequence[WorkerRead]:
    """Every worker process and what it runs, by host.

    Raises:
        NotAllowed: it is no operator who asks.
    """
    access.require(who)
    rows = (await session.execute(_WORKERS, {"lease": LEASE})).all()
    running: dict[UUID, list[RunningJob]] = defaultdict(list)
    for job in (await session.execute(_RUNNING, {"ids": [row.id for row in rows]})).all():
        one = RunningJob(id=job.id, project=job.slug, skill=job.skill_name, started_at=job.started_at)
        running[job.worker_id].append(one)
    return [
        WorkerRead(
            id=row.id,
            host=row.host,
            pid=row.pid,
            lanes=row.lanes,
            capacity=row.capacity,
            running=running[row.id],
            layers=row.sandbox_layers,
            started_at=row.started_at,
            beat_at=row.beat_at,
            is_alive=row.is_alive,
            is_draining=row.stopping,
            shortage=row.shortage,
        )
        for row in rows
    ]


async def drain(session: AsyncSession, who: SignedIn, worker_id: UUID) -> None:
    """Have a worker end in good order: it learns of it with its next beat, and its pool starts another in its place.

    Raises:
        NotAllowed: it is no operator who asks.
        WorkerNotFound: there is none such.
    """
    access.require(who)
    found = (await session.execute(_DRAIN, {"id": worker_id})).one_or_none()
    if found is None:
        raise WorkerNotFound(worker_id)
    facts = {"host": found.host, "pid": found.pid}
    await audit.record_instance(session, who.label, "worker.drained", str(worker_id), **facts)


async def waiting(session: AsyncSession, who: SignedIn) -> Sequence[WaitingJobsRead]:
    """What waits in each lane, and for what.

    Raises:
        NotAllowed: it is no operator who asks.
    """
    access.require(who)
    return [WaitingJobsRead.model_validate(one) for one in await queue_state.waiting(session)]
