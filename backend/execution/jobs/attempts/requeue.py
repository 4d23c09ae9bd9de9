"""Requeue running jobs: after a lost worker, a drain, a failure that is retried, or an empty wallet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_REQUEUED
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import RequeuedEvent
from backend.execution.jobs import transitions
from backend.execution.jobs.attempts import subjobs
from backend.money import admission


async def requeue(
    session: AsyncSession,
    *,
    job_id: UUID,
    attempt: int,
    reason: str,
    events: Sequence[PendingEvent] = (),
    is_lost: bool = False,
    was_alone: bool = False,
    is_retry: bool = False,
    not_before: datetime | None = None,
) -> bool:
    """Return a running job to the queue of its project; False if the attempt is not the running one any more."""
    await subjobs.return_loan(session, job_id=job_id, attempt=attempt)
    # A separate statement, so that the next one sees the wallet with what jobs of steps have moved to a flow.
    await subjobs.lock_parent(session, job_id)
    all_events = [*events, NewEvent(RequeuedEvent(reason=reason))]
    row = await transitions.requeue(
        session,
        job_id=job_id,
        attempt=attempt,
        events=all_events,
        not_before=not_before,
        is_lost=is_lost,
        was_alone=was_alone,
        is_retry=is_retry,
    )
    if row is None:
        return False
    notifications.note(
        session, notifications.EventNotification(job_id, row.event_seq, project_id=row.project_id)
    )
    label = (
        "worker_lost" if is_lost else "retry" if is_retry else "drain" if reason == "drain" else "postponed"
    )
    transactional.note(session, JOBS_REQUEUED.labels(label))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    await admission.admit(session, row.project_id)
    return True
