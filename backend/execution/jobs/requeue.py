"""Back into the queue: after a loss, a drain, a retry of its own rule, or a wallet that ran empty under it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_REQUEUED
from backend.execution.events.append import EVENT_ROWS, NewEvent, as_rows
from backend.execution.jobs import subjobs
from backend.money import admission

_REQUEUE = text(f"""
with held as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), back as (
  update jobs j
  set status = 'queued', worker_id = null, started_at = null, reserved_micros = 0,
      losses = j.losses + :lost, losses_alone = j.losses_alone + :lost_alone, retries = j.retries + :retried,
      event_seq = j.event_seq + :count
  from held where j.id = held.id
  returning j.id, j.project_id, j.lane, j.priority, j.created_at, j.event_seq, j.parent_job_id, j.cap_micros,
            held.reserved_micros
), place as (
  insert into job_queue (job_id, project_id, lane, priority, suspect, not_before, is_later, submitted_at, cap_micros)
  select id, project_id, lane, priority, :suspect, :not_before,
         coalesce(cast(:not_before as timestamptz) > now(), false), created_at, cap_micros
  from back
  where parent_job_id is null
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select back.id, back.event_seq - :count + e.n, e.ts, e.type, e.payload from back, {EVENT_ROWS}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - back.reserved_micros
  from back where w.project_id = back.project_id and back.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1, parked = a.parked + 1
  from back where a.project_id = back.project_id and back.parent_job_id is null
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq from back
""")  # noqa: S608 - the one interpolated value is a constant


async def requeue(
    session: AsyncSession,
    *,
    job_id: UUID,
    attempt: int,
    reason: str,
    events: Sequence[NewEvent] = (),
    is_lost: bool = False,
    was_alone: bool = False,
    is_retry: bool = False,
    is_suspect: bool = False,
    not_before: datetime | None = None,
) -> bool:
    """Put a running job back into its project's queue; False when the attempt is not the running one any more."""
    await subjobs.unlend(session, job_id=job_id, attempt=attempt)
    everything = [*events, NewEvent("requeued", {"reason": reason})]
    row = (
        await session.execute(
            _REQUEUE,
            {
                "job_id": job_id,
                "attempt": attempt,
                "lost": int(is_lost),
                "lost_alone": int(is_lost and was_alone),
                "retried": int(is_retry),
                "suspect": is_suspect,
                "not_before": not_before,
                "count": len(everything),
                "events": as_rows(everything),
            },
        )
    ).one_or_none()
    if row is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
    why = "worker_lost" if is_lost else "retry" if is_retry else "drain" if reason == "drain" else "postponed"
    transactional.note(session, JOBS_REQUEUED.labels(why))
    transactional.note(session, EVENTS_APPENDED, len(everything))
    await admission.admit(session, row.project_id)
    return True
