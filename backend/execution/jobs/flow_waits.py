"""Let the jobs of flows wait for their steps outside of workers, and put them back into the queue.

Each function runs in a transaction that has locked the row of the flow: that of an attempt of the flow, of the end of a
job of a step, or of a decision. So a flow that waits has nothing left to read, or is in the queue. An event that is
stored while the flow leaves its worker may find it neither running nor waiting; the sweep of waits then queues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import OMITTED, WaitingEvent
from backend.execution.jobs import transitions
from backend.money import admission

_LOCK = text("select from jobs where id = :job_id and project_id = :project_id for update")
"""A separate statement: jobs of steps move their reservations to a running flow when they end. The next statement must
see the wallet as it was after that, since PostgreSQL checks its constraints before it notices a concurrent change."""
_WAITS: Final = text("""
select count(*) filter (where s.child_job_id is not null) as jobs,
       (select count(*) from approvals a
        where a.job_id = :job_id and a.project_id = :project_id and a.status = 'pending') as approvals,
       coalesce(bool_or(w.kind = 'event'), false) as has_event, min(w.wake_at) as wake_at
from flow_steps s left join job_waits w
  on s.kind = 'wait' and w.job_id = s.job_id and w.project_id = s.project_id and w.key = s.step || ':' || s.item
where s.job_id = :job_id and s.project_id = :project_id and s.status = 'running'
""")


async def resume(session: AnySession, project_id: UUID, job_id: UUID) -> bool:
    """Put a waiting flow back into the queue if a job, an approval or a wait of a step has ended."""
    row = await transitions.resume_flow(session, project_id=project_id, job_id=job_id)
    if row is None:
        return False
    notifications.note(session, notifications.wakeup_for(row.lane, row.parent_id))
    await admission.admit(session, project_id)
    return True


async def suspend(
    session: AnySession, *, project_id: UUID, job_id: UUID, attempt: int, events: Sequence[PendingEvent]
) -> bool | None:
    """Let a running flow leave its worker until it can continue; it is queued if that is so already.

    Returns:
        Whether the flow was to be cancelled while it ran; None if the attempt is not the running one any more.
    """
    key = {"job_id": job_id, "project_id": project_id}
    await session.execute(_LOCK, key)
    all_events = [*events, NewEvent(_waiting((await session.execute(_WAITS, key)).one()))]
    row = await transitions.suspend_flow(session, job_id=job_id, attempt=attempt, events=all_events)
    if row is None:
        return None
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq, project_id=project_id))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    await resume(session, project_id, job_id)
    await admission.admit(session, project_id)
    return row.cancel_requested_at is not None


def _waiting(row: Any) -> WaitingEvent:
    """Return what a flow waits for; that of which a user has to know comes first."""
    if row.approvals:
        reason = "approval"
    elif row.jobs:
        reason = "steps"
    else:
        reason = "event" if row.has_event else "sleep" if row.wake_at else "steps"
    until = OMITTED if row.wake_at is None else row.wake_at.isoformat()
    return WaitingEvent(reason=reason, approvals=row.approvals, until=until)
