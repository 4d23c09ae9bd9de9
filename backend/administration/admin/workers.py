"""List and drain the workers of the instance, and list its waiting jobs, for operators."""

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
where j.finished_at is null and j.worker_id = any(:ids)
order by j.started_at, j.id
""")
_DRAIN = text("update workers set stopping = true where id = :id returning host, pid")


async def list_workers(session: AsyncSession, operator: SignedIn) -> Sequence[WorkerRead]:
    """Return all worker processes with their running jobs, by host.

    Raises:
        NotAllowed: The user is not an operator.
    """
    access.require(operator)
    rows = (await session.execute(_WORKERS, {"lease": LEASE})).all()
    running: dict[UUID, list[RunningJob]] = defaultdict(list)
    for job in (await session.execute(_RUNNING, {"ids": [row.id for row in rows]})).all():
        job_read = RunningJob(id=job.id, project=job.slug, skill=job.skill_name, started_at=job.started_at)
        running[job.worker_id].append(job_read)
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
            heartbeat_at=row.beat_at,
            is_alive=row.is_alive,
            is_draining=row.stopping,
            shortage=row.shortage,
        )
        for row in rows
    ]


async def drain(session: AsyncSession, operator: SignedIn, worker_id: UUID) -> None:
    """Drain a worker: it notices with its next heartbeat, and its pool starts another process when it has ended.

    Raises:
        NotAllowed: The user is not an operator.
        WorkerNotFound: The worker does not exist.
    """
    access.require(operator)
    found = (await session.execute(_DRAIN, {"id": worker_id})).one_or_none()
    if found is None:
        raise WorkerNotFound(worker_id)
    details = {"host": found.host, "pid": found.pid}
    await audit.record_instance(session, operator.label, "worker.drained", str(worker_id), **details)


async def list_waiting_jobs(session: AsyncSession, operator: SignedIn) -> Sequence[WaitingJobsRead]:
    """Return the number of waiting jobs of each lane by reason.

    Raises:
        NotAllowed: The user is not an operator.
    """
    access.require(operator)
    return [
        WaitingJobsRead.model_validate(job_read) for job_read in await queue_state.list_waiting_jobs(session)
    ]
