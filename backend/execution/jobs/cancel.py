"""Cancel jobs: queued ones immediately, running ones through their worker."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import notifications
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_FINISHED
from backend.execution.events.append import NewEvent
from backend.execution.events.types import CancelledEvent
from backend.execution.jobs import flow_waits, transitions
from backend.execution.jobs.errors import JobAlreadyEnded, JobNotFound
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.subjobs import events
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.money import admission
from backend.money.ledger import settlement

_LOCK = text("""
with caller as materialized (
  select p.id from jobs p where p.id = (select parent_job_id from jobs where id = :job_id) for update
), place as materialized (select job_id from job_queue where job_id = :job_id for update)
select j.id from jobs j left join caller on true left join place on true where j.id = :job_id for update of j
""")
"""Lock the parent or the queue entry first, then the job, as claims do: the other order could deadlock."""

_IS_PLACE_LOCKED = text("""
select (select count(*) from job_queue where job_id = :job_id) = (
  select count(*) from (select from job_queue where job_id = :job_id for update skip locked) place
)
""")

_LOCK_PLACES = text("""
with recursive tree as (
  select id from jobs where id = :job_id
  union all
  select c.id from jobs c join tree t on c.parent_job_id = t.id where c.finished_at is null
)
select from job_queue where job_id in (select id from tree) order by job_id for update
""")
"""Lock the queue entries of the job and of the steps of flows below it, before any job."""

_CHILDREN = text("""
select id from jobs where parent_job_id = :job_id and finished_at is null and cancel_requested_at is null
""")

_REQUEST_RUNNING = text("""
update jobs set cancel_requested_at = coalesce(cancel_requested_at, now())
where id = :job_id and status = 'running'
returning id
""")

_LOCK_PROJECT_JOBS = text("""
with places as materialized (
  select job_id from job_queue where project_id = :project_id order by job_id for update
)
select j.id from jobs j left join (select count(*) from places) held on true
where j.project_id = :project_id and j.id in (
  select id from jobs where project_id = :project_id and status in ('queued', 'waiting', 'running')
  union
  select parent_job_id from jobs where project_id = :project_id and status in ('queued', 'waiting', 'running')
) order by j.created_at, j.id for update of j
""")
_LOCK_WALLET = text("select from wallets where project_id = :project_id for update")
_LOCK_WINDOW = text("select from admissions where project_id = :project_id for update")
_ARE_ALL_LOCKED = text("""
select (select count(*) from job_queue where project_id = :project_id) = (
         select count(*) from (select from job_queue where project_id = :project_id for update skip locked) places
       )
   and (select count(*) from jobs where project_id = :project_id and status in ('queued', 'waiting', 'running')) = (
         select count(*) from (
           select from jobs where project_id = :project_id and status in ('queued', 'waiting', 'running')
           for update skip locked
         ) unfinished
       )
""")
_REQUEST_ALL_RUNNING = text("""
update jobs set cancel_requested_at = coalesce(cancel_requested_at, now())
where project_id = :project_id and status = 'running'
returning id
""")


async def cancel(session: AsyncSession, principal: Principal, job_id: UUID) -> None:
    """Cancel a job and its subjobs: immediately while it is queued, within seconds while it runs.

    Raises:
        JobNotFound: The principal can see no such job.
        JobAlreadyEnded: The job has succeeded or failed.
    """
    principal.require(Role.DEVELOPER, "jobs:write")
    job: Job | None = (
        await session.execute(visible(Job, principal).where(col(Job.id) == job_id))
    ).scalar_one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    if job.status == "cancelled":
        return
    if job.status in TERMINAL:
        raise JobAlreadyEnded(job_id, job.status)
    await cancel_by(session, job_id, actor=principal.label)
    await audit.record(session, principal, "job.cancelled", f"job:{job_id}", skill=job.skill_name)


async def cancel_by(session: AsyncSession, job_id: UUID, *, actor: str) -> None:
    """Cancel a job and its subjobs without a permission check. The row lock decides a race with the worker."""
    await session.execute(_LOCK_PLACES, {"job_id": job_id})
    await _cancel_tree(session, job_id, actor=actor)


async def _cancel_tree(session: AsyncSession, job_id: UUID, *, actor: str) -> None:
    for _ in range(2):  # the job may start between the two statements; the second round finds it running
        if await _cancel_queued(session, job_id, actor=actor) or await _request_running(session, job_id):
            break
    for child_id in (await session.execute(_CHILDREN, {"job_id": job_id})).scalars().all():
        await _cancel_tree(session, child_id, actor=actor)


async def _cancel_queued(session: AsyncSession, job_id: UUID, *, actor: str) -> bool:
    await _lock(session, job_id)
    await settlement.settle_unstarted(session, job_id)
    event = NewEvent(CancelledEvent(by=actor))
    row = await transitions.cancel_pending(
        session, job_id=job_id, error=f"Cancelled by {actor}.", event=event
    )
    if row is None:
        return False
    await events.record_end(session, job_id)
    if row.is_step and row.parent_job_id is not None:
        await flow_waits.resume(session, row.project_id, row.parent_job_id)
    notifications.note(
        session,
        notifications.EventNotification(job_id, row.event_seq, is_last=True, project_id=row.project_id),
    )
    transactional.note(session, JOBS_FINISHED.labels("cancelled", "cancelled"))
    transactional.note(session, EVENTS_APPENDED)
    await admission.admit(session, row.project_id)
    return True


async def _lock(session: AsyncSession, job_id: UUID) -> None:
    """Lock the queue entry of a job, if it has one, and the job.

    A job that waits or runs gets a queue entry when it continues later. If that happens while this transaction waits
    for the job, a claim can lock the entry, and wait for the job in turn. The locks are then released and taken again.
    """
    while True:
        async with session.begin_nested() as attempt:
            await session.execute(_LOCK, {"job_id": job_id})
            if await session.scalar(_IS_PLACE_LOCKED, {"job_id": job_id}):
                return
            await attempt.rollback()


async def _request_running(session: AsyncSession, job_id: UUID) -> bool:
    requested = (await session.execute(_REQUEST_RUNNING, {"job_id": job_id})).scalar_one_or_none()
    if requested is not None:
        notifications.note(session, notifications.CancelCall(job_id))
    return requested is not None


async def cancel_all(session: AsyncSession, project_id: UUID, *, actor: str) -> int:
    """Cancel every unfinished job of the project, and return how many.

    The window of the project stays locked, so that no job is submitted until the transaction ends.
    """
    await _lock_all(session, project_id)
    await settlement.settle_all_unstarted(session, project_id)
    ended = await transitions.cancel_all_pending(
        session, project_id=project_id, actor=actor, error=f"Cancelled by {actor}."
    )
    notifications.note(
        session,
        *(
            notifications.EventNotification(row.id, row.event_seq, is_last=True, project_id=project_id)
            for row in ended
        ),
    )
    transactional.note(session, JOBS_FINISHED.labels("cancelled", "cancelled"), len(ended))
    transactional.note(session, EVENTS_APPENDED, len(ended))
    running = (await session.execute(_REQUEST_ALL_RUNNING, {"project_id": project_id})).scalars().all()
    notifications.note(session, *(notifications.CancelCall(job_id) for job_id in running))
    return len(ended) + len(running)


async def _lock_all(session: AsyncSession, project_id: UUID) -> None:
    """Lock the project's queue entries, unfinished jobs, wallet and window, in the order of `backend.execution.jobs`.

    Jobs can be submitted until the window is locked. Such a job is locked without waiting. If another transaction
    holds it, which may itself wait for the window, all locks are released and taken again.
    """
    values = {"project_id": project_id}
    while True:
        async with session.begin_nested() as attempt:
            for statement in (_LOCK_PROJECT_JOBS, _LOCK_WALLET, _LOCK_WINDOW):
                await session.execute(statement, values)
            if await session.scalar(_ARE_ALL_LOCKED, values):
                return
            await attempt.rollback()
