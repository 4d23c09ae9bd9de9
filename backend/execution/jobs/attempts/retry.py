"""Decide whether a job runs again after a failed attempt or a lost worker. Pure functions without a database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from backend.execution.worker_registry.errors import HostExhausted
from backend.skills.manifest.types import Retries
from backend.storage.errors import StorageUnavailable

FIRST_OUTAGE_DELAY = timedelta(seconds=5)
MAX_OUTAGE_DELAY = timedelta(minutes=5)
MAX_OUTAGE_ATTEMPTS = 10
"""With these delays a job waits more than a quarter of an hour for a storage that is unavailable."""


@dataclass(frozen=True, slots=True)
class Retry:
    """The job runs again, not before the given time."""

    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """The job fails permanently."""

    error: str
    code: str


def after_failure(rule: Retries, *, code: str, retries: int, at: datetime) -> Retry | None:
    """Return the retry of a failed attempt under the retry rule of the skill; None: the failure is final."""
    kind = "timeout" if code == "timeout" else "error"
    if kind not in rule.on or retries >= rule.max:
        return None
    delay_s = rule.backoff.delay_s(retries)
    return Retry(not_before=at + timedelta(seconds=delay_s) if delay_s else None)


def after_outage(*, code: str, attempt: int, at: datetime) -> Retry | None:
    """Return when a job runs again that an outage of the storage or of the worker's host stopped; None: never."""
    if code not in (StorageUnavailable.code, HostExhausted.code) or attempt >= MAX_OUTAGE_ATTEMPTS:
        return None
    return Retry(not_before=at + min(MAX_OUTAGE_DELAY, FIRST_OUTAGE_DELAY * 2 ** (attempt - 1)))


def after_loss(rule: Retries, *, lost_alone: int, was_alone: bool) -> Retry | Failure:
    """Return what happens to a job whose worker process was lost.

    A process runs many jobs. A loss counts against a job only if the process ran nothing but the job and its subjobs.
    """
    counted = lost_alone + int(was_alone)
    maximum = rule.max if "worker_lost" in rule.on else 0
    if counted > maximum:
        times = "once" if counted == 1 else f"{counted} times"
        return Failure(
            f"The worker process that ran this job was lost {times}. Its last log events show what it did before.",
            "worker_lost",
        )
    return Retry()
