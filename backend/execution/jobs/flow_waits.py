"""Let the jobs of flows wait for their steps outside of workers, and put them back into the queue.

Each function runs in a transaction that has locked the row of the flow: that of an attempt of the flow, of the end of a
job of a step, or of a decision. So a flow that waits has nothing left to read, or is in the queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import WaitingEvent
from backend.execution.jobs import transitions
from backend.money import admission

_LOCK = text("select from jobs where id = :job_id and project_id = :project_id for update")
"""A separate statement: jobs of steps move their reservations to a running flow when they end. The next statement must
see the wallet as it was after that, since PostgreSQL checks its constraints before it notices a concurrent change."""


async def resume(session: AnySession, project_id: UUID, job_id: UUID) -> bool:
    """Put a waiting flow back into the queue if a job of a step has ended or an approval was decided."""
    row = await transitions.resume_flow(session, project_id=project_id, job_id=job_id)
    if row is None:
        return False
    notifications.note(session, notifications.WorkerWakeup(row.lane))
    await admission.admit(session, project_id)
    return True


async def suspend(
    session: AnySession, *, project_id: UUID, job_id: UUID, attempt: int, events: Sequence[PendingEvent]
) -> bool | None:
    """Let a running flow leave its worker until it can continue; it is queued if that is so already.

    Returns:
        Whether the flow was to be cancelled while it ran; None if the attempt is not the running one any more.
    """
    all_events = [*events, NewEvent(WaitingEvent(reason="steps", approvals=0))]
    await session.execute(_LOCK, {"job_id": job_id, "project_id": project_id})
    row = await transitions.suspend_flow(session, job_id=job_id, attempt=attempt, events=all_events)
    if row is None:
        return None
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    await resume(session, project_id, job_id)
    await admission.admit(session, project_id)
    return row.cancel_requested_at is not None
