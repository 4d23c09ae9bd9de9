"""Recover the jobs of lost workers, admit jobs left pending by race conditions, and notify workers.

Every worker process calls `sweep` every two seconds. An advisory lock lets one process at a time do the work.
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
from backend.execution.jobs.attempts.claim import attempt_of
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.attempts.retry import Failure, Retry, after_loss
from backend.execution.jobs.reservations import Reserved
from backend.execution.worker_registry.service import LEASE
from backend.money import admission
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest import job_ceilings

log = logs.get(__name__)

CLAIM_GRACE = timedelta(seconds=5)  # longer than the response of a claim takes to reach its worker
KNOWN_DEAD = timedelta(days=365)
"""Age of the heartbeat of a worker that is known to be dead: its pool sets the heartbeat back to 1970."""
SWEEP_LOCK = 0x7377_6570  # "swep": any constant that no other lock uses

_TRY_LOCK = text("select pg_try_advisory_xact_lock(:key)")
_DELETE_EXPIRED = text(
    "delete from workers where beat_at < now() - :lease or beat_at > now() + :lease returning id"
)
"""A heartbeat in the future is from before the clock was set back. A live worker has sent another one since."""
_LOST = text("""
select j.*, (select p.number from projects p where p.id = j.project_id) as project_number, 0 as stamp,
       j.created_at as due_at, '' as secrets_stamp,
       count(*) filter (where j.parent_job_id is null or j.is_step) over (partition by j.worker_id) = 1 as was_alone
from jobs j
where j.finished_at is null and j.worker_id is not null
  and not exists (select from workers w where w.id = j.worker_id)
""")
_UNRECEIVED = text("""
select j.*, (select p.number from projects p where p.id = j.project_id) as project_number, 0 as stamp,
       j.created_at as due_at, '' as secrets_stamp, false as was_alone
from jobs j
where j.finished_at is null and j.worker_id = :worker_id and not j.id = any(:held)
  and j.started_at < clock_timestamp() - :settled
""")
_LOCK_JOBS = text("""
select id, cancel_requested_at is not null as is_cancelled, project_id from jobs
where id = any(:ids) order by created_at, id for update
""")
_LOCK_WALLET = text("select from wallets where project_id = :project_id for update")
_LOCK_WINDOW = text("select from admissions where project_id = :project_id for update")
_READY_LANES = text("""
select lane from (select distinct unnest(lanes) as lane from workers) served
where exists (select from job_queue q where q.lane = served.lane and q.stamp is not null and not q.suspect)
""")


@dataclass(frozen=True, slots=True)
class Swept:
    """The result of one sweep."""

    lost_workers: int = 0
    lost_jobs: int = 0
    admitted: int = 0


async def sweep(session: AsyncSession, *, are_heartbeats_known: bool = True) -> Swept:
    """Run one sweep: recovery, admission, wake-ups. Do nothing while another process sweeps.

    Args:
        session: The transaction.
        are_heartbeats_known: Whether expired leases count. Otherwise only workers that are known to be dead are lost.
    """
    if not (await session.execute(_TRY_LOCK, {"key": SWEEP_LOCK})).scalar_one():
        return Swept()
    lease = LEASE if are_heartbeats_known else KNOWN_DEAD
    expired = (await session.execute(_DELETE_EXPIRED, {"lease": lease})).scalars().all()
    for worker_id in expired:
        log.warning("worker lease expired", worker_id=str(worker_id))
    lost = (await session.execute(_LOST)).all()
    await _recover_all(session, lost)
    await admission.release_due(session)
    admitted = await admission.admit_everywhere(session)
    lanes = (await session.execute(_READY_LANES)).scalars().all()
    notifications.note(session, *(notifications.WorkerWakeup(lane) for lane in lanes))
    return Swept(len(expired), len(lost), admitted)


async def recover_unreceived(session: AsyncSession, worker_id: UUID, locked: Collection[UUID]) -> list[UUID]:
    """Recover the jobs that the database assigns to this worker and that the worker does not run, and return them.

    A claim whose response was lost with its connection leaves such jobs behind, and so does a lost `StartedJob`.
    """
    values = {"worker_id": worker_id, "held": list(locked), "settled": CLAIM_GRACE}
    rows = (await session.execute(_UNRECEIVED, values)).all()
    await _recover_all(session, rows)
    return [row.id for row in rows]


async def _recover_all(session: AsyncSession, rows: Sequence[Any]) -> None:
    """Recover jobs in one transaction, which locks all rows first, in the order of `backend.execution.jobs`.

    Otherwise this transaction could hold the window of a project and wait for a job, while the transaction that ends
    that job waits for the window.
    """
    if not rows:
        return
    ids = {row.id for row in rows} | {row.parent_job_id for row in rows if row.parent_job_id is not None}
    locked = (await session.execute(_LOCK_JOBS, {"ids": list(ids)})).all()
    project_ids = sorted({row.project_id for row in locked})
    for statement in (_LOCK_WALLET, _LOCK_WINDOW):
        for project_id in project_ids:
            await session.execute(statement, {"project_id": project_id})
    cancelled = {row.id for row in locked if row.is_cancelled}
    for row in rows:
        await _recover(session, row, is_cancelled=row.id in cancelled)


async def _recover(session: AsyncSession, row: Any, *, is_cancelled: bool) -> None:
    if is_cancelled:
        result = AttemptResult(
            "cancelled", error="Cancelled while its worker was lost.", error_code="cancelled"
        )
        await finish(
            session,
            attempt_of(row, reserved=Reserved(row.reserved_micros)),
            result,
            [_lost_event(row.worker_id)],
        )
        return
    is_flow = (
        row.type == "flow"
    )  # it runs no code of its skill, so the loss of its worker says nothing about it
    decision: Retry | Failure = Retry() if is_flow else await _decide(session, row)
    if isinstance(decision, Failure):
        result = AttemptResult("failed", error=decision.error, error_code=decision.code)
        await finish(
            session,
            attempt_of(row, reserved=Reserved(row.reserved_micros)),
            result,
            [_lost_event(row.worker_id)],
        )
    else:
        await requeue(
            session,
            job_id=row.id,
            attempt=row.attempt,
            reason="worker_lost",
            is_lost=not is_flow,
            was_alone=row.was_alone,
        )
    log.warning(
        "job of a lost worker recovered",
        job_id=str(row.id),
        attempt=row.attempt,
        decision=type(decision).__name__,
    )


async def _decide(session: AsyncSession, row: Any) -> Retry | Failure:
    """Apply the retry rule of the skill. A job whose skill is unavailable fails, as it would at its start."""
    try:
        skill = (await load_deployed_skill(session, row.deployment_id, row.skill_name)).skill
    except PurasError as expired:
        return Failure(expired.detail, expired.code)
    return after_loss(
        job_ceilings.current().declared_retries(skill.retries),
        lost_alone=row.losses_alone,
        was_alone=row.was_alone,
    )


def _lost_event(worker_id: UUID) -> NewEvent:
    return NewEvent(LogEvent(stream="system", text=f"The worker process {worker_id} was lost."))
