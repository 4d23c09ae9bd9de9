"""Jobs that a job calls: they run in its slot, on its worker, and from the money that is reserved for it.

A child has no place in the queue and none in its project's window: the worker that runs its parent takes it beyond its
own capacity, since the parent only waits meanwhile. So a window of one, or a full worker, never stands in its way. What
it may cost is lent by its parent's reservation and goes back when it ends; what it has used, its parent pays with its
own. Rows are always held in the order parent, child, wallet.

The daily cap of a key counts a called job and its caller together, and so do budgets of the project: what is lent is
within them already. A budget of the called skill alone lowers what is lent, as it lowers what is reserved at a claim.
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
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.claim import JobAttempt, attempt_of
from backend.execution.jobs.reservations import Reserved
from backend.money.budgets import usage as limits

MAX_ORPHANS: Final = 50

_CALLING = text("""
select distinct parent_job_id from jobs
where parent_job_id = any(:job_ids) and finished_at is null and status = 'queued'
""")

_HOLD_PARENT = text("select id from jobs where id = :parent_id for update")

_HOLD_LENDER = text("""
select p.id from jobs p
where p.id = (select parent_job_id from jobs where id = :job_id and attempt = :attempt and reserved_micros > 0)
for update
""")

_UNLEND = text("""
with child as (
  select id, parent_job_id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' and parent_job_id is not null
    and reserved_micros > 0
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
limit :most
""")


async def calling(session: AnySession, job_ids: Sequence[UUID]) -> list[UUID]:
    """Those of these jobs that have called one that waits: one statement, however many run, since most call nothing."""
    return [row.parent_job_id for row in await session.execute(_CALLING, {"job_ids": list(job_ids)})]


async def claim_child(session: AnySession, *, worker_id: UUID, parent_id: UUID) -> JobAttempt | None:
    """Start the next child of a job that runs on this worker, with what is left of its money."""
    row = await transitions.claim_subjob(session, worker_id=worker_id, parent_id=parent_id)
    if row is None:
        return None
    notifications.note(session, notifications.EventNotification(row.id, row.event_seq))
    transactional.note(session, EVENTS_APPENDED)
    return attempt_of(row, reserved=await _lent(session, row))


async def _lent(session: AnySession, row: Any) -> Reserved:
    """What the called job has of its caller's money, under the limits that count it."""
    lent = Reserved(row.reserved_micros)
    if not row.is_limited or not lent.micros:
        return lent
    left = await limits.lower(
        session, "called", project_id=row.project_id, job_id=row.id, attempt=row.attempt
    )
    if left is None or left.reserved_micros == lent.micros:
        return lent
    return Reserved(left.reserved_micros, left.limit)


async def hold_parent(session: AnySession, parent_id: UUID | None) -> None:
    """Take the parent's row, if there is one, before that of its child."""
    if parent_id is not None:
        await session.execute(_HOLD_PARENT, {"parent_id": parent_id})


async def unlend(session: AnySession, *, job_id: UUID, attempt: int) -> None:
    """Give all that was lent to an attempt back to its parent: the attempt is over, and the job is not.

    Does nothing for a job that nobody called.
    """
    values = {"job_id": job_id, "attempt": attempt}
    if (await session.execute(_HOLD_LENDER, values)).first() is not None:
        await session.execute(_UNLEND, values)


async def end_orphans(database: Database) -> int:
    """Cancel what a job has called that ended before it; says how many."""
    async with database.transaction() as session:
        orphans = (await session.execute(_ORPHANS, {"most": MAX_ORPHANS})).scalars().all()
    for job_id in orphans:
        async with database.transaction() as session:
            await cancel_by(session, job_id, who="the end of the job that called it")
    return len(orphans)
