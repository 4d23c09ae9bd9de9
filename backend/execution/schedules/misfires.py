"""Decide what the due and overdue times of a schedule lead to. Pure functions of the current time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final, Literal

from backend.execution.schedules import calendar
from backend.execution.schedules.cron import Cron

Missed = Literal["skip", "run_once"]
GRACE: Final = timedelta(seconds=60)
"""A run with at most this delay is on time: workers check once a second, and a slow database causes no missed run."""


@dataclass(frozen=True, slots=True)
class DueRun:
    """One due time that is handled."""

    due_at: datetime
    is_missed: bool = False
    """The run is recorded as missed: no worker was running in time."""
    made_up_since: datetime | None = None
    """The run also replaces the times from this one on."""


@dataclass(frozen=True, slots=True)
class MisfirePolicy:
    """The policy for missed times."""

    missed: Missed
    catch_up: timedelta
    """The maximum delay after which a missed run is still started."""


def due_runs(
    cron: Cron, zone: tzinfo, *, next_at: datetime, at: datetime, policy: MisfirePolicy
) -> tuple[DueRun, ...]:
    """Return the runs to handle at the time `at`, if `next_at` is the first due time that was not handled."""
    last = max(calendar.latest(cron, zone, at) or next_at, next_at)
    is_overdue = next_at < last
    if at - last > GRACE:
        if policy.missed == "run_once" and at - last <= policy.catch_up:
            return (DueRun(last, made_up_since=next_at),)
        return (DueRun(last, is_missed=True, made_up_since=next_at),)
    if not is_overdue:
        return (DueRun(last),)
    if policy.missed == "run_once":
        return (DueRun(last, made_up_since=next_at),)
    return (DueRun(next_at, is_missed=True, made_up_since=next_at), DueRun(last))
