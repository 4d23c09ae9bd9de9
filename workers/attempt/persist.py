"""Store the end of an attempt, with retries while the database is unavailable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from backend.core import notifications
from backend.core.background_tasks import log_and_continue
from backend.core.db.connections import DatabaseUnavailable, error_summary
from backend.core.metrics.instruments import JOB_FINISH
from backend.core.notifications import EndedAttempt
from backend.core.tracing import spans
from backend.execution.approvals.worker import wait_for_approval
from backend.execution.events.append import EncodedEvent
from backend.execution.jobs import flow_waits
from backend.execution.jobs.attempts.finish import AttemptResult, finish, is_one_statement
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.cancel import cancel_by
from backend.execution.journal import service as journal
from backend.execution.sessions.advance import advance
from backend.execution.waits import service as waits
from workers import phases
from workers.attempt.attempt import Attempt
from workers.attempt.types import (
    FAULT,
    AttemptEnd,
    AwaitingApproval,
    AwaitingSteps,
    Lost,
    Requeued,
    Suspended,
    outcome_of,
)
from workers.db_retry import GIVE_UP_S, DatabaseRetry


async def persist(attempt: Attempt, end: AttemptEnd, *, give_up_s: float = GIVE_UP_S) -> None:
    """Store the end of an attempt and the events that are not stored yet.

    An end that the database rejects becomes an error of the worker. After `give_up_s` without a database
    nothing is stored, and the lease of the worker lets the job run elsewhere. Raises nothing, whatever the
    database returns.
    """
    attempt.is_storing = (
        True  # if it were ended from outside now, a finished job would run again and count as lost
    )
    events = await attempt.recorder.close()
    if isinstance(end, Lost):
        return
    if isinstance(end, AttemptResult):
        end = replace(end, phases=phases.take())
    with spans.span("finish"), JOB_FINISH.time():
        for each, its_events in ((end, events), (FAULT, [])):
            try:
                await _store(attempt, each, its_events, give_up_s)
            except DBAPIError as error:  # a retry would also be rejected; a deadlock counts as unavailable
                attempt.log.exception(
                    "database rejected the end of an attempt",
                    end=outcome_of(each),
                    error=error_summary(error),
                )
            else:
                return


Storable = AttemptResult | Requeued | AwaitingApproval | AwaitingSteps | Suspended


async def _store(attempt: Attempt, end: Storable, events: Sequence[EncodedEvent], give_up_s: float) -> None:
    outcome = outcome_of(end)
    try:
        is_current = await _write_until_stored(attempt, end, events, give_up_s)
    except DatabaseUnavailable as error:
        attempt.log.error(
            "end of attempt not stored: abandoned, the job runs on another worker",
            end=outcome,
            error=error_summary(error),
        )
        return
    if is_current:
        attempt.log.info(f"job {outcome}")
        if not isinstance(end, AttemptResult) and attempt.job_attempt.reply_to:
            notifications.send_now(EndedAttempt(attempt.job_attempt.reply_to, attempt.job_attempt.job_id))
        if isinstance(end, AttemptResult) and attempt.job_attempt.session_id is not None:
            await _continue_session(attempt, attempt.job_attempt.session_id)
    else:
        attempt.log.warning(
            "end of attempt rejected: the job runs on another worker or has ended", end=outcome
        )


async def _continue_session(attempt: Attempt, session_id: UUID) -> None:
    """Start the next turn of the session; if that fails, the sweep does it."""
    with log_and_continue("start the next turn of a session", session_id=str(session_id)):
        await advance(attempt.context.database, attempt.job_attempt.project_id, session_id)


async def _write_until_stored(
    attempt: Attempt, end: Storable, events: Sequence[EncodedEvent], give_up_s: float
) -> bool:
    """Return whether the attempt was the running one; its number makes a second write harmless."""
    retry = DatabaseRetry("end of attempt not stored yet", give_up_s=give_up_s, log=attempt.log)
    while True:
        async with retry:
            if isinstance(end, AttemptResult):
                return await _finish(attempt, end, events)
            if isinstance(end, Requeued):
                return await _requeue(attempt, end, events)
            if isinstance(end, AwaitingSteps):
                return await _await_steps(attempt, events)
            if isinstance(end, Suspended):
                return await _suspend(attempt, end, events)
            return await _await_approval(attempt, end, events)


async def _finish(attempt: Attempt, end: AttemptResult, events: Sequence[EncodedEvent]) -> bool:
    database, job_attempt = attempt.context.database, attempt.job_attempt
    unit = database.single if is_one_statement(job_attempt, end) else database.transaction
    async with unit() as session:
        return await finish(session, job_attempt, end, events, wake=attempt.note_admitted)


async def _requeue(attempt: Attempt, end: Requeued, events: Sequence[EncodedEvent]) -> bool:
    job_attempt = attempt.job_attempt
    async with attempt.context.database.transaction() as session:
        is_current = await requeue(
            session,
            job_id=job_attempt.job_id,
            attempt=job_attempt.attempt,
            reason=end.reason,
            events=events,
            is_retry=end.is_retry,
            not_before=end.not_before,
        )
        if is_current and end.is_retry:  # with its journal an agent would fail in the same way again
            await journal.clear(session, job_attempt.job_id)
        return is_current


async def _await_steps(attempt: Attempt, events: Sequence[EncodedEvent]) -> bool:
    job_attempt = attempt.job_attempt
    async with attempt.context.database.transaction() as session:
        is_cancelled = await flow_waits.suspend(
            session,
            project_id=job_attempt.project_id,
            job_id=job_attempt.job_id,
            attempt=job_attempt.attempt,
            events=events,
        )
        if is_cancelled:  # requested while it ran: its worker cannot end it any more
            await cancel_by(session, job_attempt.job_id, actor="a request while it ran")
        return is_cancelled is not None


async def _suspend(attempt: Attempt, end: Suspended, events: Sequence[EncodedEvent]) -> bool:
    async with attempt.context.database.transaction() as session:
        return await waits.suspend(
            session,
            project_id=attempt.job_attempt.project_id,
            job_id=attempt.job_attempt.job_id,
            attempt=attempt.job_attempt.attempt,
            reason=end.reason,
            wake_at=end.wake_at,
            events=events,
        )


async def _await_approval(attempt: Attempt, end: AwaitingApproval, events: Sequence[EncodedEvent]) -> bool:
    async with attempt.context.database.transaction() as session:
        return await wait_for_approval(
            session,
            job_id=attempt.job_attempt.job_id,
            attempt=attempt.job_attempt.attempt,
            requests=end.approvals,
            expires_at=end.expires_at,
            events=events,
        )
