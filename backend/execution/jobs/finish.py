"""The one way out: output, events, money, and the next job of the project, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import BILLED, EVENTS_APPENDED, JOBS_FINISHED
from backend.execution.events.append import NewEvent, PendingEvent, as_rows
from backend.execution.events.types import CancelledEvent, FailedEvent, SucceededEvent
from backend.execution.jobs import subjob_events, subjobs, transitions
from backend.execution.jobs.claim import JobAttempt
from backend.marketplace import sales
from backend.money import admission
from backend.money.ledger import settlement
from backend.money.ledger.service import Used
from backend.money.ledger.settlement import NOTHING, Bill, PaidFields


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """How an attempt ended, and all that is to be stored with it."""

    status: Literal["succeeded", "failed", "cancelled"]
    result: Any = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    error_code: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    used: tuple[Used, ...] = ()
    """Priced things that this attempt used."""
    evals: dict[str, Any] | None = None
    """What the skill's graders say: `{score, passed, graders}`."""


_with_webhooks: Final[set[UUID]] = set()
"""Projects that were found to have webhooks; the statement for all projects is right for one that has none any more."""
_MAX_KEPT: Final = 10_000


async def finish(
    session: AnySession, claimed: JobAttempt, ending: AttemptResult, events: Sequence[PendingEvent] = ()
) -> bool:
    """End the attempt; False when it is not the running one any more, and then nothing is stored.

    `events` are what the attempt has not stored yet; they come before its last event.
    """
    bill, succeeded = NOTHING, ending.status == "succeeded"
    await subjobs.hold_parent(session, claimed.parent_job_id)
    if not is_free(claimed, ending):
        settled = await settlement.settle(
            session,
            claimed,
            project_id=claimed.project_id,
            used=(*sales.price_of(claimed, succeeded=succeeded), *ending.used),
            succeeded=succeeded,
            is_called=claimed.parent_job_id is not None,
            is_sale=succeeded and claimed.earning_micros > 0,
        )
        if settled is None:
            return False
        bill = settled
    everything = [*events, _last_event(ending, bill)]
    values = {
        "job_id": claimed.job_id,
        "attempt": claimed.attempt,
        "status": ending.status,
        "result": None if ending.result is None else storable(ending.result),
        "outputs": storable(ending.outputs),
        "error": ending.error,
        "error_code": ending.error_code,
        "usage": storable(ending.usage),
        "cost_micros": bill.own_charged_micros,
        "forgiven_micros": bill.own_forgiven_micros,
        "eval_score": None if ending.evals is None else ending.evals["score"],
        "eval_results": None if ending.evals is None else storable(ending.evals),
        "count": len(everything),
        "events": as_rows(everything),
    }
    row = await _end(session, claimed, values)
    if row is None:
        return False
    if not is_free(claimed, ending):
        await settlement.after(session, claimed.project_id)
    if claimed.parent_job_id is not None:
        await subjob_events.tell_end(session, claimed.job_id)
    await sales.count(session, claimed, succeeded=succeeded)
    notifications.note(session, notifications.EventNotification(claimed.job_id, row.event_seq, is_last=True))
    if row.next_lane is not None:
        notifications.note(session, notifications.WorkerWakeup(row.next_lane))
    elif row.is_room_left:
        # The next job may cost something, or a submit that found the window full has committed since this statement
        # began, so that only its count was seen.
        await admission.admit(session, claimed.project_id)
    transactional.note(session, JOBS_FINISHED.labels(ending.status, ending.error_code or ""))
    transactional.note(session, EVENTS_APPENDED, len(everything))
    transactional.note(session, BILLED, bill.charged_micros)
    return True


async def _end(session: AnySession, claimed: JobAttempt, values: dict[str, Any]) -> Any:
    """Move the job and store its end; gives none when the attempt is not the running one any more."""
    if claimed.parent_job_id is not None:
        return await transitions.finish_subjob(session, values)
    if claimed.project_id not in _with_webhooks:
        row = await transitions.finish_without_webhooks(session, values)
        if row is not None:
            return row
    row = await transitions.finish(session, values)
    if row is not None:
        if len(_with_webhooks) >= _MAX_KEPT:
            _with_webhooks.clear()
        _with_webhooks.add(claimed.project_id)
    return row


def is_free(claimed: JobAttempt, ending: AttemptResult) -> bool:
    """Whether the end of the attempt concerns no money and no publisher."""
    is_unpriced = claimed.cap_micros == 0 and claimed.reserved_micros == 0
    return not ending.used and is_unpriced and claimed.publisher_id is None


def is_one_statement(claimed: JobAttempt, ending: AttemptResult) -> bool:
    """Whether the end concerns neither money nor another job."""
    return claimed.parent_job_id is None and is_free(claimed, ending)


def _last_event(ending: AttemptResult, bill: Bill) -> NewEvent:
    if ending.status == "succeeded":
        return NewEvent(SucceededEvent(**bill.as_facts()))
    money: PaidFields = bill.as_facts() if bill.used_micros else {}
    end = FailedEvent if ending.status == "failed" else CancelledEvent
    return NewEvent(end(error=ending.error, code=ending.error_code, **money))
