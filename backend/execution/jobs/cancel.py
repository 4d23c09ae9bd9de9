"""Cancelling: queued jobs at once, running ones through the worker that runs them."""

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
from backend.execution.jobs import subjob_events, transitions
from backend.execution.jobs.errors import JobAlreadyEnded, JobNotFound
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.money import admission
from backend.money.ledger import settlement

_HOLD = text("""
with caller as materialized (
  select p.id from jobs p where p.id = (select parent_job_id from jobs where id = :job_id) for update
), place as materialized (select job_id from job_queue where job_id = :job_id for update)
select j.id from jobs j left join caller on true left join place on true where j.id = :job_id for update of j
""")
"""First the job that called it, or its place, then the job, as claims do: in the other order each would wait for the
other's row."""

_CHILDREN = text("""
select id from jobs where parent_job_id = :job_id and finished_at is null and cancel_requested_at is null
""")

_ASK_RUNNING = text("""
update jobs set cancel_requested_at = coalesce(cancel_requested_at, now())
where id = :job_id and status = 'running'
returning id
""")


async def cancel(session: AsyncSession, principal: Principal, job_id: UUID) -> None:
    """Cancel a job: at once while it is queued, within seconds while it runs, children included.

    Raises:
        JobNotFound: there is none that the principal may see.
        JobAlreadyEnded: it has ended already, other than by being cancelled.
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
    await cancel_by(session, job_id, who=principal.label)
    await audit.record(session, principal, "job.cancelled", f"job:{job_id}", skill=job.skill_name)


async def cancel_by(session: AsyncSession, job_id: UUID, *, who: str) -> None:
    """Cancel without asking who may, and what the job has called: the row's move decides a race with its worker."""
    for _ in range(2):  # it may start between the two statements; then the second round finds it running
        if await _cancel_queued(session, job_id, who=who) or await _ask_running(session, job_id):
            break
    for child_id in (await session.execute(_CHILDREN, {"job_id": job_id})).scalars().all():
        await cancel_by(session, child_id, who=who)


async def _cancel_queued(session: AsyncSession, job_id: UUID, *, who: str) -> bool:
    await session.execute(_HOLD, {"job_id": job_id})
    await settlement.settle_unstarted(session, job_id)
    event = NewEvent(CancelledEvent(by=who))
    row = await transitions.cancel_pending(session, job_id=job_id, error=f"Cancelled by {who}.", event=event)
    if row is None:
        return False
    await subjob_events.tell_end(session, job_id)
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq, is_last=True))
    transactional.note(session, JOBS_FINISHED.labels("cancelled", "cancelled"))
    transactional.note(session, EVENTS_APPENDED)
    await admission.admit(session, row.project_id)
    return True


async def _ask_running(session: AsyncSession, job_id: UUID) -> bool:
    asked = (await session.execute(_ASK_RUNNING, {"job_id": job_id})).scalar_one_or_none()
    if asked is not None:
        notifications.note(session, notifications.CancelCall(job_id))
    return asked is not None
