"""End attempts: store result, events and bill, and admit the next job of the project, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import BILLED, EVENTS_APPENDED, JOBS_FINISHED
from backend.core.notifications import EndedAttempt, EventNotification
from backend.execution.events.append import NewEvent, PendingEvent, as_rows
from backend.execution.events.types import OMITTED, CancelledEvent, FailedEvent, Omitted, SucceededEvent
from backend.execution.jobs import ended_row, flow_waits, transitions
from backend.execution.jobs.attempts import subjobs
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.jobs.failures import record as failures
from backend.execution.jobs.failures.signature import Signature, signature_of
from backend.execution.jobs.subjobs import events as subjob_events
from backend.marketplace import sales
from backend.money import admission
from backend.money.ledger import settlement
from backend.money.ledger.service import LineItem
from backend.money.ledger.settlement import NO_BILL, Bill, PaidFields


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """The end of an attempt, and everything that is stored with it."""

    status: Literal["succeeded", "failed", "cancelled"]
    result: Any = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    error_code: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    used: tuple[LineItem, ...] = ()
    """Line items of this attempt."""
    evals: dict[str, Any] | None = None
    """Verdicts of the skill's graders: `{score, passed, graders}`."""
    frame: str = ""
    """For a failure in the code of the skill: where, `main.py in run`."""
    phases: dict[str, float] | Omitted = OMITTED
    """Durations of the parts of the attempt before its end."""


_with_webhooks: Final[set[UUID]] = set()
"""Projects that had webhooks. The statement for all projects is also correct after the last webhook was deleted."""
_MAX_REMEMBERED: Final = 10_000


async def finish(
    session: AnySession,
    job: JobAttempt,
    result: AttemptResult,
    events: Sequence[PendingEvent] = (),
    *,
    wake: Callable[[str], None] | None = None,
) -> bool:
    """End an attempt.

    Args:
        session: The transaction.
        job: The attempt.
        result: How it ended.
        events: Events that are not stored yet. They precede the last event.
        wake: Called with the lane of the next job of the project if that was admitted. None: any worker of the lane is
            woken after the commit.

    Returns:
        False if the attempt is not the running one any more. Nothing is stored then.
    """
    bill, succeeded = NO_BILL, result.status == "succeeded"
    await subjobs.lock_parent(session, job.parent_job_id)
    if not is_free(job, result):
        settled = await settlement.settle(
            session,
            job,
            project_id=job.project_id,
            used=(*sales.price_of(job, succeeded=succeeded), *result.used),
            succeeded=succeeded,
            is_called=job.parent_job_id is not None,
            is_sale=succeeded and job.earning_micros > 0,
        )
        if settled is None:
            return False
        bill = settled
    failure = _signature_of(job, result)
    all_events = [*events, _last_event(result, bill)]
    values = {
        "job_id": job.job_id,
        "attempt": job.attempt,
        "status": result.status,
        "result": None if result.result is None else storable(result.result),
        "outputs": storable(result.outputs),
        "error": result.error,
        "error_code": result.error_code,
        "error_signature": failure and failure.key,
        "usage": storable(result.usage),
        "cost_micros": bill.own_charged_micros,
        "forgiven_micros": bill.own_forgiven_micros,
        "eval_score": None if result.evals is None else result.evals["score"],
        "eval_results": None if result.evals is None else storable(result.evals),
        "count": len(all_events),
        "events": as_rows(all_events),
    }
    row = await _end(session, job, values)
    if row is None:
        return False
    await failures.record(session, failure, project_id=job.project_id, job_id=job.job_id)
    if not is_free(job, result):
        await settlement.after_settlement(session, job.project_id)
    if job.parent_job_id is not None:
        await _notify_parent(session, job, job.parent_job_id)
    await sales.count(session, job, succeeded=succeeded)
    _notify_followers(session, job, row)
    if row.next_lane is not None:
        _wake_worker(session, row.next_lane, wake)
    elif row.is_room_left:
        # Either the next job may cost something, or a submission that found the window full has committed since this
        # statement started, so that the statement saw only its count.
        await admission.admit(session, job.project_id)
    transactional.note(session, JOBS_FINISHED.labels(result.status, result.error_code or ""))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    transactional.note(session, BILLED, bill.charged_micros)
    return True


def _notify_followers(session: AnySession, job: JobAttempt, ended: Any) -> None:
    sent = ended_row.sendable(ended.ended_row)
    if job.reply_to:
        notifications.note(session, EndedAttempt(job.reply_to, job.job_id, sent))
        sent = ""
    news = EventNotification(job.job_id, ended.event_seq, is_last=True, row=sent, project_id=job.project_id)
    notifications.note(session, news)


def _wake_worker(session: AnySession, lane: str, wake: Callable[[str], None] | None) -> None:
    if wake is None:
        notifications.note(session, notifications.WorkerWakeup(lane))
    else:
        wake(lane)


async def _notify_parent(session: AnySession, job: JobAttempt, parent_id: UUID) -> None:
    await subjob_events.record_end(session, job.job_id)
    if job.is_step:
        await flow_waits.resume(session, job.project_id, parent_id)


async def _end(session: AnySession, job: JobAttempt, values: dict[str, Any]) -> Any:
    """Store the result by the statement that fits the job; None if the attempt is not the running one any more."""
    if job.is_step:
        return await transitions.finish_step(session, values)
    if job.parent_job_id is not None:
        return await transitions.finish_subjob(session, values)
    if job.project_id not in _with_webhooks:
        row = await transitions.finish_without_webhooks(session, job.project_id, values)
        if row is not None:
            return row
    row = await transitions.finish(session, values)
    if row is not None:
        if len(_with_webhooks) >= _MAX_REMEMBERED:
            _with_webhooks.clear()
        _with_webhooks.add(job.project_id)
    return row


def is_free(job: JobAttempt, result: AttemptResult) -> bool:
    """Return whether the end of the attempt involves no money and no publisher."""
    is_unpriced = job.cap_micros == 0 and job.reserved_micros == 0
    return not result.used and is_unpriced and job.publisher_id is None


def is_one_statement(job: JobAttempt, result: AttemptResult) -> bool:
    """Return whether the end needs a single statement, since it involves no money, no other job and no error."""
    return job.parent_job_id is None and is_free(job, result) and result.status != "failed"


def _signature_of(job: JobAttempt, result: AttemptResult) -> Signature | None:
    if result.status != "failed":
        return None
    # The caller of a listing must not see the files of the publisher.
    frame = result.frame if job.publisher_id is None else ""
    return signature_of(skill=job.skill_name, error_code=result.error_code, error=result.error, frame=frame)


def _last_event(result: AttemptResult, bill: Bill) -> NewEvent:
    if result.status == "succeeded":
        return NewEvent(SucceededEvent(**bill.as_facts(), phases=result.phases))
    money: PaidFields = bill.as_facts() if bill.used_micros else {}
    end = FailedEvent if result.status == "failed" else CancelledEvent
    return NewEvent(end(error=result.error, code=result.error_code, phases=result.phases, **money))
