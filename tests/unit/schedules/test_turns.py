"""What overdue moments come to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from backend.execution.schedules.cron import parse
from backend.execution.schedules.misfires import DueRun, MisfirePolicy, Missed, due_runs

NINE = datetime(2026, 6, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(moment: datetime, cron: str = "0 * * * *", missed: Missed = "skip", **over: Any) -> tuple[DueRun, ...]:
    patience = MisfirePolicy(missed, over.get("catch_up", timedelta(days=1)))
    return due_runs(parse(cron), UTC, next_at=NINE, at=moment, policy=patience)


def test_a_run_in_time_runs() -> None:
    for late_s in (0, 0.5, 59, 60):
        assert at(NINE + timedelta(seconds=late_s)) == (DueRun(NINE),)


def test_what_nobody_was_there_for_is_missed_once_and_not_run() -> None:
    assert at(NINE + timedelta(minutes=2)) == (DueRun(NINE, is_missed=True, made_up_since=NINE),)
    last = NINE + 3 * HOUR
    assert at(last + timedelta(minutes=10)) == (DueRun(last, is_missed=True, made_up_since=NINE),)


def test_who_comes_back_just_in_time_runs_and_notes_the_rest_as_missed() -> None:
    last = NINE + 3 * HOUR
    assert at(last + timedelta(seconds=5)) == (
        DueRun(NINE, is_missed=True, made_up_since=NINE),
        DueRun(last),
    )


def test_missed_runs_are_made_up_for_by_one_while_it_is_worth_it() -> None:
    last = NINE + 3 * HOUR
    for late in (timedelta(seconds=5), timedelta(minutes=50)):
        assert at(last + late, missed="run_once") == (DueRun(last, made_up_since=NINE),)
    minutely = at(NINE + HOUR, "* * * * *", "run_once", catch_up=timedelta(minutes=30))
    assert minutely == (DueRun(NINE + HOUR, made_up_since=NINE),)
    too_late = at(NINE + 26 * HOUR, "0 9 1 * *", "run_once")
    assert too_late == (DueRun(NINE, is_missed=True, made_up_since=NINE),)


def test_a_schedule_whose_clock_was_changed_still_does_what_was_due() -> None:
    assert at(NINE + timedelta(seconds=1), "0 0 1 1 *") == (DueRun(NINE),)
