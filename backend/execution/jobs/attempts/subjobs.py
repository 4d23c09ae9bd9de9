"""Run subjobs: in the slot of the parent, on its worker, and paid from its reservation.

A subjob has no queue entry and no place in the window of its project. The worker that runs the parent claims it beyond
its own capacity, because the parent only waits meanwhile. So neither a window of one job nor a full worker blocks it.
The reservation of the parent lends what the subjob may cost, and gets it back when the subjob ends; the parent pays
what the subjob has used. Rows are always locked in the order parent, subjob, wallet.

The daily cap of a key, and budgets of the project, count a subjob and its parent together, so the loan is within them
already. A budget of the called skill alone lowers the loan, as it lowers the reservation at a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession, Database
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.jobs import transitions
from backend.execution.jobs.attempts.claim import JobAttempt, attempt_of
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.reservations import Reserved
from backend.money.budgets import usage as budgets

MAX_ORPHANS: Final = 50

_PARENTS_OF_QUEUED = text("""
select distinct parent_job_id from jobs
where parent_job_id = any(:job_ids) and finished_at is null and status = 'queued' and not is_step
""")

_LOCK_PARENT = text("select id from jobs where id = :parent_id for update")

_LOCK_LENDER = text("""
select p.id from jobs p
where p.id = (
  select parent_job_id from jobs where id = :job_id and attempt = :attempt and reserved_micros > 0 and not is_step
)
for update
""")

_RETURN_LOAN = text("""
with child as (
  select id, parent_job_id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' and parent_job_id is not null
    and reserved_micros > 0 and not is_step
), parent as (
  update jobs p set reserved_micros = p.reserved_micros + child.reserved_micros
  from child where p.id = child.parent_job_id and p.status = 'running' returning p.id
)
update jobs c set reserved_micros = 0 from child, parent where c.id = child.id
""")

_ORPHANS = text("""
select c.id from jobs c join jobs p on p.id = c.parent_job_id
where c.parent_job_id is not null and c.finished_at is null and p.finished_at is not null
  and c.cancel_requested_at is null
limit :limit
""")


async def parents_of_queued(session: AnySession, job_ids: Sequence[UUID]) -> list[UUID]:
    """Return the jobs that have a queued subjob. One statement for all running jobs, because most have none."""
    return [
        row.parent_job_id for row in await session.execute(_PARENTS_OF_QUEUED, {"job_ids": list(job_ids)})
    ]


async def claim_subjob(session: AnySession, *, worker_id: UUID, parent_id: UUID) -> JobAttempt | None:
    """Start the next subjob of a job that runs on this worker, with what is left of the parent's reservation."""
    row = await transitions.claim_subjob(session, worker_id=worker_id, parent_id=parent_id)
    if row is None:
        return None
    notifications.note(
        session, notifications.EventNotification(row.id, row.event_seq, project_id=row.project_id)
    )
    transactional.note(session, EVENTS_APPENDED)
    return attempt_of(row, reserved=await _lent(session, row))


async def _lent(session: AnySession, row: Any) -> Reserved:
    """Return what the parent lends to the subjob, under the limits that count the subjob."""
    lent = Reserved(row.reserved_micros)
    if not row.is_limited or not lent.micros:
        return lent
    remaining = await budgets.lower_reservation(
        session, "called", project_id=row.project_id, job_id=row.id, attempt=row.attempt
    )
    if remaining is None or remaining.reserved_micros == lent.micros:
        return lent
    return Reserved(remaining.reserved_micros, remaining.limit)


async def lock_parent(session: AnySession, parent_id: UUID | None) -> None:
    """Lock the row of the parent, if there is one, before the row of the subjob."""
    if parent_id is not None:
        await session.execute(_LOCK_PARENT, {"parent_id": parent_id})


async def return_loan(session: AnySession, *, job_id: UUID, attempt: int) -> None:
    """Return the loan of an attempt to the parent when the attempt ends and the subjob does not.

    Does nothing for a job without a parent.
    """
    values = {"job_id": job_id, "attempt": attempt}
    if (await session.execute(_LOCK_LENDER, values)).first() is not None:
        await session.execute(_RETURN_LOAN, values)


async def cancel_orphans(database: Database) -> int:
    """Cancel subjobs whose parent has ended, and return how many."""
    async with database.transaction() as session:
        orphans = (await session.execute(_ORPHANS, {"limit": MAX_ORPHANS})).scalars().all()
    for job_id in orphans:
        async with database.transaction() as session:
            await cancel_by(session, job_id, actor="the end of its parent job")
    return len(orphans)
