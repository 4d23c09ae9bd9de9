"""Decide what happens to a job after an attempt: it ends, runs again, continues later or waits for users."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from backend.core.clock import now
from backend.core.errors import PurasError
from backend.execution.jobs.attempts.finish import AttemptResult
from backend.execution.jobs.attempts.retry import Retry, after_failure, after_outage
from backend.execution.worker_registry.errors import HostExhausted
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill
from workers import listing_redaction
from workers.attempt.attempt import Attempt, EndedBy
from workers.attempt.types import (
    FAULT,
    AttemptEnd,
    AwaitingApproval,
    AwaitingSteps,
    Lost,
    Requeued,
    Suspended,
    failed_with,
)
from workers.attempt.usage import compute_used
from workers.drives.errors import AttemptLost
from workers.host_resources import fault_of
from workers.types import Postponed

NOTHING_LEFT: Final = (
    "No money was left for this job, which is paid from the reservation of the job that called it. Raise "
    "`limits.cost_usd` in the skill.yaml of the calling skill; a function reserves money only if it sets "
    "this limit."
)


def end_of_interrupted(attempt: Attempt, *, ran_s: float) -> AttemptEnd:
    """Return the end of an attempt that was cancelled after it ran for some seconds."""
    if attempt.ended_by is EndedBy.LOSS:
        return Lost()
    if attempt.ended_by is EndedBy.CANCEL:
        used = compute_used(attempt, ran_s)
        return AttemptResult("cancelled", error="Cancelled while it ran.", error_code="cancelled", used=used)
    return Requeued("drain")


def failure_of(attempt: Attempt, error: Exception) -> AttemptResult | Lost:
    """Return the end of an attempt in which a step raised an error."""
    if isinstance(error, AttemptLost):
        attempt.log.warning("files rejected: job runs on another worker or has ended")
        return Lost()
    if isinstance(error, PurasError):
        return AttemptResult("failed", error=attempt.error_text(error.detail), error_code=error.code)
    attempt.log.error("worker error", error=str(error), exc_info=error)
    fault = fault_of(error) if isinstance(error, OSError) else None
    return FAULT if fault is None else failed_with(fault)


def decide(
    attempt: Attempt, result: AttemptResult | Postponed | Lost, *, skill: Skill | None = None
) -> AttemptEnd:
    """Return how the attempt ends after the result of its steps; `skill` is None if it was not loaded."""
    if isinstance(result, Lost):
        return result
    if isinstance(result, Postponed):
        if result.reason != "wallet_empty" or attempt.job_attempt.uses_own_slot:
            return _after_pause(attempt, result)
        attempt_result = AttemptResult("failed", error=NOTHING_LEFT, error_code="cost_capped")
        return _redacted(attempt, attempt_result)
    attempt_result = _redacted(attempt, _blame_host(attempt, result))
    retry = _retry_of(attempt, skill, attempt_result)
    if retry is None:
        return attempt_result
    return Requeued(
        f"{attempt_result.error_code}: {attempt_result.error}",
        retry.not_before,
        error_code=attempt_result.error_code,
        is_retry=skill is not None and attempt_result.error_code != HostExhausted.code,
    )


def _after_pause(
    attempt: Attempt, postponed: Postponed
) -> Requeued | AwaitingApproval | AwaitingSteps | Suspended:
    """Return how a job continues that has stopped without a failure; that counts as no retry."""
    if postponed.is_flow_waiting:
        return AwaitingSteps()
    if postponed.is_waiting:
        return Suspended(postponed.reason, postponed.wake_at)
    if not postponed.approvals:
        not_before = now() + timedelta(seconds=postponed.after_s) if postponed.after_s else None
        return Requeued(postponed.reason, not_before)
    scrub = attempt.recorder.scrubber.scrub
    approvals = tuple(replace(one, input=scrub(one.input)) for one in postponed.approvals)
    return AwaitingApproval(approvals, now() + timedelta(seconds=attempt.context.settings.approval_timeout_s))


def _blame_host(attempt: Attempt, result: AttemptResult) -> AttemptResult:
    """Return the result, or the error of the host if that has caused it: the job then runs again."""
    if attempt.host is None or result.status != "failed":
        return result
    fault = attempt.host.why_failed(result.error_code, result.error)
    if fault is None:
        return result
    attempt.log.error("host lacks resources for this job", reason=fault.reason, code=result.error_code)
    return failed_with(fault)


def _redacted(attempt: Attempt, result: AttemptResult) -> AttemptResult:
    """Return the result as the caller of a listing may read it; that of the project's own skill is unchanged."""
    if attempt.job_attempt.publisher_id is None:
        return result
    return listing_redaction.redacted(result, attempt.recorder.scrubber)


def _retry_of(attempt: Attempt, skill: Skill | None, result: AttemptResult) -> Retry | None:
    """Return when a failed job runs again: by its own rule, or since the storage or the host was unavailable."""
    if result.status != "failed":
        return None
    code = str(result.error_code)
    if skill is None or code == HostExhausted.code:
        return after_outage(code=code, attempt=attempt.job_attempt.attempt, at=now())
    if attempt.job_attempt.type == "flow":
        return None  # its steps have retries of their own, and their failures are stored
    rule = job_ceilings.current().declared_retries(skill.retries)
    return after_failure(rule, code=code, retries=attempt.job_attempt.retries, at=now())
