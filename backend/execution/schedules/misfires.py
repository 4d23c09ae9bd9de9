"""What a schedule's overdue moments come to. Pure: given when it is, it says what happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final, Literal

from backend.execution.schedules import calendar
from backend.execution.schedules.cron import Cron

Missed = Literal["skip", "run_once"]
GRACE: Final = timedelta(seconds=60)
"""A run that comes so late is in time: workers look once a second, and a busy database is not a missed run."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One due moment that is acted on."""

    due_at: datetime
    is_missed: bool = False
    """It does not run: nobody was there in time."""
    made_up_since: datetime | None = None
    """It runs for the moments from this one on, too."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What is done about moments that nobody was there for."""

    missed: Missed
    catch_up: timedelta
    """A run is made up for at most so long after it was due."""


def turns(
    cron: Cron, zone: tzinfo, *, next_at: datetime, at: datetime, patience: Patience
) -> tuple[Turn, ...]:
    """What to do at the moment `at`, when `next_at` is the first due moment that nothing was done about."""
    last = max(calendar.latest(cron, zone, at) or next_at, next_at)
    is_behind = next_at < last
    if at - last > GRACE:
        if patience.missed == "run_once" and at - last <= patience.catch_up:
            return (Turn(last, made_up_since=next_at),)
        return (Turn(last, is_missed=True, made_up_since=next_at),)
    if not is_behind:
        return (Turn(last),)
    if patience.missed == "run_once":
        return (Turn(last, made_up_since=next_at),)
    return (Turn(next_at, is_missed=True, made_up_since=next_at), Turn(last))
