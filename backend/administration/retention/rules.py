"""How long each thing is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from backend.config import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """Ages at which things go; none: they stay."""

    events: timedelta | None
    """Of jobs that ended so long ago, and the conversations of agents; those of a job that still runs stay."""
    jobs: timedelta | None
    """Finished so long ago: with inputs, result, events, feedback and usage. The ledger stays.

    Suites of evals too, but for baselines.
    """
    audit: timedelta | None
    deleted_projects: timedelta
    """How long the operator can bring a deleted project back."""
    forgotten_memory: timedelta | None = None
    """Records of memory that were forgotten so long ago."""
    stale_memory: timedelta | None = None
    """Records of memory that went stale so long ago."""
    deliveries: timedelta | None = None
    """Of webhooks: what was sent or given up so long ago. Runs of schedules, too."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those that the settings say."""
        return cls(
            events=_days(settings.keep_events_days),
            jobs=_days(settings.keep_jobs_days),
            audit=_days(settings.keep_audit_days),
            forgotten_memory=_days(settings.keep_forgotten_memory_days),
            stale_memory=_days(settings.keep_stale_memory_days),
            deleted_projects=timedelta(days=settings.keep_deleted_projects_days),
            deliveries=_days(settings.keep_deliveries_days),
        )


def _days(days: int) -> timedelta | None:
    return timedelta(days=days) if days else None
