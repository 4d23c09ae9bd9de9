"""Cancelling all that a project has: its queued jobs at once, its running ones through their workers."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_FINISHED
from backend.execution.jobs import transitions
from backend.money.ledger import settlement

_HOLD = text("""
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
_HOLD_WALLET = text("select from wallets where project_id = :project_id for update")
_HOLD_WINDOW = text("select from admissions where project_id = :project_id for update")
_ARE_ALL_HELD = text("""
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
_ASK_RUNNING = text("""
update jobs set cancel_requested_at = coalesce(cancel_requested_at, now())
where project_id = :project_id and status = 'running'
returning id
""")


async def cancel_all(session: AsyncSession, project_id: UUID, *, who: str) -> int:
    """Cancel every job of the project that has not ended; says how many.

    The project's window is held from then on, so that no job is submitted until the transaction ends.
    """
    await _hold(session, project_id)
    await settlement.settle_all_unstarted(session, project_id)
    ended = await transitions.cancel_all_pending(
        session, project_id=project_id, who=who, error=f"Cancelled by {who}."
    )
    notifications.note(
        session, *(notifications.EventNotification(row.id, row.event_seq, is_last=True) for row in ended)
    )
    transactional.note(session, JOBS_FINISHED.labels("cancelled", "cancelled"), len(ended))
    transactional.note(session, EVENTS_APPENDED, len(ended))
    running = (await session.execute(_ASK_RUNNING, {"project_id": project_id})).scalars().all()
    notifications.note(session, *(notifications.CancelCall(job_id) for job_id in running))
    return len(ended) + len(running)


async def _hold(session: AsyncSession, project_id: UUID) -> None:
    """Hold the project's places, unfinished jobs, wallet and window, in the order of `backend.execution.jobs`.

    Jobs can be submitted until the window is held. Such a job is taken without waiting; when another transaction
    already holds it, which may wait for the window in turn, everything is released and held again.
    """
    values = {"project_id": project_id}
    while True:
        async with session.begin_nested() as attempt:
            for statement in (_HOLD, _HOLD_WALLET, _HOLD_WINDOW):
                await session.execute(statement, values)
            if await session.scalar(_ARE_ALL_HELD, values):
                return
            await attempt.rollback()
