"""Read the retention periods from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from backend.config import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Retention periods; `None`: keep forever."""

    events: timedelta | None
    """Time after the end of a job until its events, its agent's conversation and its steps are deleted."""
    jobs: timedelta | None
    """Time after the end of a job until it is deleted with inputs, result, events, feedback and usage.

    The ledger remains. The period applies to eval suites as well, except for baselines.
    """
    sessions: timedelta | None
    """Time after the last message of a session until it is deleted with its jobs."""
    audit: timedelta | None
    deleted_projects: timedelta
    """Time in which the operator can restore a deleted project."""
    forgotten_memory: timedelta | None = None
    """Time after a record of memory was forgotten until it is deleted."""
    stale_memory: timedelta | None = None
    """Time after a record of memory became stale until it is deleted."""
    deliveries: timedelta | None = None
    """Time until a webhook delivery that has ended, or a run of a schedule, is deleted."""
    project_events: timedelta | None = None
    """Time until an event that a client or a job has sent is deleted."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the rules that the settings define."""
        return cls(
            events=_days(settings.keep_events_days),
            jobs=_days(settings.keep_jobs_days),
            sessions=_days(settings.keep_sessions_days),
            audit=_days(settings.keep_audit_days),
            forgotten_memory=_days(settings.keep_forgotten_memory_days),
            stale_memory=_days(settings.keep_stale_memory_days),
            deleted_projects=timedelta(days=settings.keep_deleted_projects_days),
            deliveries=_days(settings.keep_deliveries_days),
            project_events=_days(settings.keep_project_events_days),
        )


def _days(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None
