"""Define what the steps of an attempt pass to each other.

These are the requirements of the attempt, and the end that `persist` stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from backend.core.errors import PurasError
from backend.evals.case_of_job import Case
from backend.execution.approvals.types import ApprovalRequest
from backend.execution.jobs.attempts.finish import AttemptResult
from backend.skills.manifest.types import Skill
from workers.drives.overfull import OverfullDrive
from workers.drives.staged import StagedDrive
from workers.types import Assignment


@dataclass(frozen=True, slots=True)
class Prepared:
    """A skill and the assignment that runs it."""

    skill: Skill
    assignment: Assignment
    staged_drive: StagedDrive | None = None
    """Its folder, unless it runs in the live drive; `release_drive` removes it."""
    overfull_drive: OverfullDrive | None = None
    """The live drive if it exceeds its quota: the job must not make it larger."""
    case: Case | None = None
    """The case of an eval suite that the job runs."""


@dataclass(frozen=True, slots=True)
class Requeued:
    """The job returns to the queue of its project."""

    reason: str
    not_before: datetime | None = None
    error_code: str | None = None
    """The error code after which the job runs again; None if it continues where it stopped."""
    is_retry: bool = False
    """Whether it counts as a retry of the skill's own rule, and starts without the journal of this
    attempt."""


@dataclass(frozen=True, slots=True)
class AwaitingApproval:
    """The job waits until users have decided about calls."""

    approvals: tuple[ApprovalRequest, ...]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class AwaitingSteps:
    """The flow waits until a job of a step has ended, or an approval was decided."""


@dataclass(frozen=True, slots=True)
class Suspended:
    """The job waits until one of the waits has ended that it has registered."""

    reason: str
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lost:
    """The job runs on another worker or has ended: nothing of this attempt is stored."""


AttemptEnd = AttemptResult | Requeued | AwaitingApproval | AwaitingSteps | Suspended | Lost

FAULT: Final = AttemptResult(
    "failed",
    error="The worker could not run this job or store its result. The log of the worker contains the cause.",
    error_code="internal_error",
)


def failed_with(error: PurasError) -> AttemptResult:
    """Return the end of a job that an error has stopped."""
    return AttemptResult("failed", error=error.detail, error_code=error.code)


def outcome_of(end: AttemptEnd) -> str:
    """Return the end in a word or two, for logs and spans."""
    if isinstance(end, AttemptResult):
        return end.status
    if isinstance(end, Requeued):
        return "requeued by drain" if end.error_code is None else "requeued"
    if isinstance(end, AwaitingSteps):
        return "waiting for steps"
    if isinstance(end, Suspended):
        return f"waiting for {end.reason}"
    return "lost" if isinstance(end, Lost) else "awaiting approval"


def error_code_of(end: AttemptEnd) -> str | None:
    """Return the code of the failure with which the attempt ended; None if it did not fail."""
    if isinstance(end, AttemptResult):
        return end.error_code if end.status == "failed" else None
    return end.error_code if isinstance(end, Requeued) else None
