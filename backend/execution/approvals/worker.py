"""The worker's side: a run that needs the consent of people leaves its worker, and later reads what they said."""

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
from backend.execution.approvals.types import Wanted
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import OMITTED, ApprovalRequiredEvent, WaitingEvent
from backend.execution.jobs import subjobs, transitions
from backend.execution.jobs.cancel import cancel_by
from backend.money import admission

MAX_ECHOED_CHARACTERS: Final = 4_000
"""Of the input, in the event; the approval itself has the whole."""


class Decision(NamedTuple):
    """What became of a call that somebody was asked about."""

    status: str
    reason: str
    effect: str | None = ""
    """What the call was that was asked about, see `Wanted`; None: a version that did not record it has asked."""


_DECISIONS = text("""
select step, place, status, reason, effect from approvals
where project_id = :project_id and job_id = :job_id and status <> 'pending'
""")


async def wait_for_consent(
    session: AsyncSession,
    *,
    job_id: UUID,
    attempt: int,
    wanted: Sequence[Wanted],
    expires_at: datetime,
    events: Sequence[PendingEvent] = (),
) -> bool:
    """Ask people about the calls, and let the job wait without a worker, a place in the window or held money.

    False when the attempt is not the running one any more, and then nobody is asked.
    """
    rows = [{"id": str(uuid4()), **_as_row(one)} for one in wanted]
    asked = [NewEvent(_required(row, expires_at)) for row in rows]
    waiting = NewEvent(WaitingEvent(reason="approval", approvals=len(rows)))
    everything = [*events, *asked, waiting]
    await subjobs.unlend(session, job_id=job_id, attempt=attempt)
    row = await transitions.await_approval(
        session,
        job_id=job_id,
        attempt=attempt,
        wanted=storable(rows),
        expires_at=expires_at,
        events=everything,
    )
    if row is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
    transactional.note(session, EVENTS_APPENDED, len(everything))
    if row.cancel_requested_at is not None:  # asked for while it ran: its worker cannot end it any more
        await cancel_by(session, job_id, who="a request while it ran")
    await admission.admit(session, row.project_id)
    return True


async def decisions(
    session: AnySession, *, project_id: UUID, job_id: UUID
) -> dict[tuple[int, int], Decision]:
    """What was decided about the job's calls, by step and place."""
    rows = (await session.execute(_DECISIONS, {"project_id": project_id, "job_id": job_id})).all()
    return {(row.step, row.place): Decision(row.status, row.reason, row.effect) for row in rows}


def _as_row(one: Wanted) -> dict[str, Any]:
    return {
        "step": one.step,
        "place": one.place,
        "tool": one.tool,
        "tool_use_id": one.tool_use_id,
        "input": one.input,
        "effect": one.effect,
    }


def _required(row: dict[str, Any], expires_at: datetime) -> ApprovalRequiredEvent:
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
