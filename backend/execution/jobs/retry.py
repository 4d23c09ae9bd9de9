"""What becomes of a job whose attempt failed or whose process was lost: pure decisions, no database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.execution.worker_registry.errors import HostExhausted
from backend.skills.manifest.types import Retries
from backend.storage.errors import StorageUnavailable

FIRST_ABSENCE = timedelta(seconds=5)
MAX_ABSENCE = timedelta(minutes=5)
ABSENCE_ATTEMPTS = 10
"""With these pauses a job waits a quarter of an hour and more for a storage that is away."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """It runs again, not before the given time."""

    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It fails for good."""

    error: str
    code: str


def after_failure(rule: Retries, *, code: str, retries: int, at: datetime) -> TryAgain | None:
    """Whether a failed attempt is tried again by the skill's own rule; None: the failure is final."""
    kind = "timeout" if code == "timeout" else "error"
    if kind not in rule.on or retries >= rule.max:
        return None
    delay_s = rule.backoff.delay_s(retries)
    return TryAgain(not_before=at + timedelta(seconds=delay_s) if delay_s else None)


def after_absence(*, code: str, attempt: int, at: datetime) -> TryAgain | None:
    """Return when a job runs again that the instance, or the worker's host, kept from running; None: never."""
    if code not in (StorageUnavailable.code, HostExhausted.code) or attempt >= ABSENCE_ATTEMPTS:
        return None
    return TryAgain(not_before=at + min(MAX_ABSENCE, FIRST_ABSENCE * 2 ** (attempt - 1)))


def after_loss(rule: Retries, *, losses_alone: int, was_alone: bool) -> TryAgain | GiveUp:
    """Return what happens to a job whose process died.

    A process holds many jobs. Only losses in which a job ran alone, with the jobs that it has called, count against it.
    """
    counted = losses_alone + int(was_alone)
    most = rule.max if "worker_lost" in rule.on else 0
    if counted > most:
        times = "once" if counted == 1 else f"{counted} times"
        return GiveUp(
            f"The process that ran this job died under it {times}. Look at its last log events for what it did there.",
            "worker_lost",
        )
    return TryAgain()
