"""The runs that are due at overdue times, according to the misfire policy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.execution.schedules.cron import parse
from backend.execution.schedules.misfires import DueRun, MisfirePolicy, Missed, due_runs

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(moment: datetime, cron: str = "0 * * * *", missed: Missed = "skip", **over: Any) -> tuple[DueRun, ...]:
    policy = MisfirePolicy(missed, over.get("catch_up", timedelta(days=1)))
    return due_runs(parse(cron), UTC, next_at=NINE, at=moment, policy=policy)


def test_run_on_time_is_started() -> None:
    for late_s in (0, 0.5, 59, 60):
        assert at(NINE + timedelta(seconds=late_s)) == (DueRun(NINE),)


def test_missed_times_become_one_missed_run() -> None:
    assert at(NINE + timedelta(minutes=2)) == (DueRun(NINE, is_missed=True, made_up_since=NINE),)
    last = NINE + 3 * HOUR
    assert at(last + timedelta(minutes=10)) == (DueRun(last, is_missed=True, made_up_since=NINE),)


def test_last_time_is_run_and_earlier_ones_are_recorded_as_missed() -> None:
    last = NINE + 3 * HOUR
    assert at(last + timedelta(seconds=5)) == (
        DueRun(NINE, is_missed=True, made_up_since=NINE),
        DueRun(last),
    )


def test_missed_runs_are_caught_up_with_one_run_within_a_limit() -> None:
    last = NINE + 3 * HOUR
    for late in (timedelta(seconds=5), timedelta(minutes=50)):
        assert at(last + late, missed="run_once") == (DueRun(last, made_up_since=NINE),)
    minutely = at(NINE + HOUR, "* * * * *", "run_once", catch_up=timedelta(minutes=30))
    assert minutely == (DueRun(NINE + HOUR, made_up_since=NINE),)
    too_late = at(NINE + 26 * HOUR, "0 9 1 * *", "run_once")
    assert too_late == (DueRun(NINE, is_missed=True, made_up_since=NINE),)


def test_changed_schedule_still_runs_its_due_time() -> None:
    assert at(NINE + timedelta(seconds=1), "0 0 1 1 *") == (DueRun(NINE),)
