"""Approvals in a worker: a job that needs approvals leaves its worker, and a later attempt reads the decisions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.approvals.types import EDITED, ApprovalRequest
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import OMITTED, ApprovalRequiredEvent, WaitingEvent
from backend.execution.jobs import transitions
from backend.execution.jobs.attempts import subjobs
from backend.execution.jobs.cancel import cancel_by
from backend.money import admission

MAX_ECHOED_CHARACTERS: Final = 4_000
"""Maximum size of the arguments in the event. The approval has all of them."""


class Decision(NamedTuple):
    """The decision about a call."""

    status: str
    reason: str
    effect: str | None = ""
    """`ApprovalRequest.effect` of the call; None: it was requested by a version that did not record it."""
    arguments: dict[str, Any] | None = None
    """The arguments with which a user has replaced those of the call; None: they are not changed."""


_DECISIONS = text("""
select step, place, status, reason, effect, arguments from approvals
where project_id = :project_id and job_id = :job_id and status <> 'pending'
""")


async def wait_for_approval(
    session: AsyncSession,
    *,
    job_id: UUID,
    attempt: int,
    requests: Sequence[ApprovalRequest],
    expires_at: datetime,
    events: Sequence[PendingEvent] = (),
) -> bool:
    """Create approvals, and let the job wait without a worker, a place in the window or reserved money.

    Returns:
        False if the attempt is not the running one any more. Nothing is created then.
    """
    rows = [{"id": str(uuid4()), **_as_row(request)} for request in requests]
    required = [NewEvent(_required_event(row, expires_at)) for row in rows]
    waiting = NewEvent(WaitingEvent(reason="approval", approvals=len(rows)))
    all_events = [*events, *required, waiting]
    await subjobs.return_loan(session, job_id=job_id, attempt=attempt)
    row = await transitions.await_approval(
        session,
        job_id=job_id,
        attempt=attempt,
        requests=storable(rows),
        expires_at=expires_at,
        events=all_events,
    )
    if row is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    if row.cancel_requested_at is not None:  # requested while it ran: its worker cannot end it any more
        await cancel_by(session, job_id, actor="a request while it ran")
    await admission.admit(session, row.project_id)
    return True


async def decisions(
    session: AnySession, *, project_id: UUID, job_id: UUID
) -> dict[tuple[int, int], Decision]:
    """Return the decisions about the calls of a job, by step and position."""
    rows = (await session.execute(_DECISIONS, {"project_id": project_id, "job_id": job_id})).all()
    return {
        (row.step, row.place): Decision(
            row.status, row.reason, row.effect and row.effect.removeprefix(EDITED), row.arguments
        )
        for row in rows
    }


def _as_row(request: ApprovalRequest) -> dict[str, Any]:
    return {
        "step": request.step,
        "place": request.place,
        "tool": request.tool,
        "tool_use_id": request.tool_use_id,
        "input": request.input,
        "effect": request.effect,
        "input_schema": request.input_schema,
    }


def _required_event(row: dict[str, Any], expires_at: datetime) -> ApprovalRequiredEvent:
    written = json.dumps(row["input"], ensure_ascii=False)
    is_short = len(written) <= MAX_ECHOED_CHARACTERS
    return ApprovalRequiredEvent(
        approval_id=row["id"],
        step=row["step"],
        tool=row["tool"],
        tool_use_id=row["tool_use_id"],
        expires_at=expires_at.isoformat(),
        input=row["input"] if is_short else OMITTED,
        input_begins=OMITTED if is_short else written[:MAX_ECHOED_CHARACTERS],
    )
