"""The sweeper: gives up lost workers, sends their jobs on, fills windows, rings for what waits.

Every worker process calls `sweep` every two seconds; one at a time does it, whoever gets the lock.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import logs, notifications
from backend.core.errors import PurasError
from backend.execution.events.append import NewEvent
from backend.execution.events.types import LogEvent
from backend.execution.jobs.claim import attempt_of
from backend.execution.jobs.finish import AttemptResult, finish
from backend.execution.jobs.requeue import requeue
from backend.execution.jobs.reservations import Reserved
from backend.execution.jobs.retry import GiveUp, TryAgain, after_loss
from backend.execution.worker_registry.service import LEASE
from backend.money import admission
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest import job_ceilings

log = logs.get(__name__)

SETTLED = timedelta(seconds=5)  # longer than a claim takes to reach the process that made it
SINCE_LONG = timedelta(days=365)
"""The pool that saw a process die dates its last beat back to 1970."""
SWEEP_LOCK = 0x7377_6570  # "swep": any constant that no one else takes

_TRY_LOCK = text("select pg_try_advisory_xact_lock(:key)")
_GIVE_UP = text("delete from workers where beat_at < now() - :lease or beat_at > now() + :lease returning id")
"""A beat of the future is of before the clock was set back: a worker that lives has beaten since."""
_LOST = text("""
select j.*, (select p.number from projects p where p.id = j.project_id) as project_number, 0 as stamp,
       j.created_at as due_at, '' as secrets_stamp,
       count(*) filter (where j.parent_job_id is null) over (partition by j.worker_id) = 1 as was_alone
from jobs j
where j.status = 'running' and not exists (select from workers w where w.id = j.worker_id)
""")
_UNHELD = text("""
select j.*, (select p.number from projects p where p.id = j.project_id) as project_number, 0 as stamp,
       j.created_at as due_at, '' as secrets_stamp, false as was_alone
from jobs j
where j.status = 'running' and j.worker_id = :worker_id and not j.id = any(:held)
  and j.started_at < clock_timestamp() - :settled
""")
_HOLD_JOBS = text("""
select id, cancel_requested_at is not null as is_cancelled, project_id from jobs
where id = any(:ids) order by created_at, id for update
""")
_HOLD_WALLET = text("select from wallets where project_id = :project_id for update")
_HOLD_WINDOW = text("select from admissions where project_id = :project_id for update")
_READY_LANES = text("""
select lane from (select distinct unnest(lanes) as lane from workers) served
where exists (select from job_queue q where q.lane = served.lane and q.stamp is not null and not q.suspect)
""")


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did."""

    lost_workers: int = 0
    lost_jobs: int = 0
    admitted: int = 0


async def sweep(session: AsyncSession, *, are_beats_known: bool = True) -> Swept:
    """Do once what waiting needs: losses, admission, tickets. Does nothing while another process does it.

    Unless beats are known, nobody is given up for a lease that ran out, only those who are known to be dead.
    """
    if not (await session.execute(_TRY_LOCK, {"key": SWEEP_LOCK})).scalar_one():
        return Swept()
    lease = LEASE if are_beats_known else SINCE_LONG
    gone = (await session.execute(_GIVE_UP, {"lease": lease})).scalars().all()
    for worker_id in gone:
        log.warning("worker given up: it has not beaten for its lease", worker_id=str(worker_id))
    lost = (await session.execute(_LOST)).all()
    await _send_all_on(session, lost)
    await admission.take_due(session)
    admitted = await admission.admit_everywhere(session)
    lanes = (await session.execute(_READY_LANES)).scalars().all()
    notifications.note(session, *(notifications.WorkerWakeup(lane) for lane in lanes))
    return Swept(len(gone), len(lost), admitted)


async def send_on_unheld(session: AsyncSession, worker_id: UUID, held: Collection[UUID]) -> int:
    """Send on the jobs that are this process's by the books and that it does not hold; says how many.

    A claim whose answer was lost with its connection leaves such jobs behind.
    """
    values = {"worker_id": worker_id, "held": list(held), "settled": SETTLED}
    rows = (await session.execute(_UNHELD, values)).all()
    await _send_all_on(session, rows)
    return len(rows)


async def _send_all_on(session: AsyncSession, rows: Sequence[Any]) -> None:
    """Send on jobs in one transaction, which locks all their rows first, in the order of `backend.execution.jobs`.

    Otherwise it would hold the window of a project while it waits for the next job, and that job's end the other way
    round.
    """
    if not rows:
        return
    ids = {row.id for row in rows} | {row.parent_job_id for row in rows if row.parent_job_id is not None}
    held = (await session.execute(_HOLD_JOBS, {"ids": list(ids)})).all()
    project_ids = sorted({row.project_id for row in held})
    for hold in (_HOLD_WALLET, _HOLD_WINDOW):
        for project_id in project_ids:
            await session.execute(hold, {"project_id": project_id})
    cancelled = {row.id for row in held if row.is_cancelled}
    for row in rows:
        await _send_on(session, row, is_cancelled=row.id in cancelled)


async def _send_on(session: AsyncSession, row: Any, *, is_cancelled: bool) -> None:
    if is_cancelled:
        ending = AttemptResult(
            "cancelled", error="Cancelled while its worker was lost.", error_code="cancelled"
        )
        await finish(
            session,
            attempt_of(row, reserved=Reserved(row.reserved_micros)),
            ending,
            [_lost_event(row.worker_id)],
        )
        return
    fate = await _fate(session, row)
    if isinstance(fate, GiveUp):
        ending = AttemptResult("failed", error=fate.error, error_code=fate.code)
        await finish(
            session,
            attempt_of(row, reserved=Reserved(row.reserved_micros)),
            ending,
            [_lost_event(row.worker_id)],
        )
    else:
        await requeue(
            session,
            job_id=row.id,
            attempt=row.attempt,
            reason="worker_lost",
            is_lost=True,
            was_alone=row.was_alone,
        )
    log.warning(
        "job of a lost worker sent on", job_id=str(row.id), attempt=row.attempt, fate=type(fate).__name__
    )


async def _fate(session: AsyncSession, row: Any) -> TryAgain | GiveUp:
    """By the rule of its skill; a job whose skill cannot be had any more fails, as it would when it began."""
    try:
        skill = (await load_deployed_skill(session, row.deployment_id, row.skill_name)).skill
    except PurasError as gone:
        return GiveUp(gone.detail, gone.code)
    return after_loss(
        job_ceilings.current().declared_retries(skill.retries),
        losses_alone=row.losses_alone,
        was_alone=row.was_alone,
    )


def _lost_event(worker_id: UUID) -> NewEvent:
    return NewEvent(LogEvent(stream="system", text=f"The worker process {worker_id} was lost."))
