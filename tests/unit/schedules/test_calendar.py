"""Cron expressions and their times, over a whole year in five time zones with clock changes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.execution.schedules import calendar
from backend.execution.schedules.calendar import after, first, latest, upcoming, zone_of
from backend.execution.schedules.cron import ALIASES, BadCron, Cron, parse

ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Pacific/Chatham")
"""One hour at night, in two hemispheres; half an hour; a gap at midnight; an offset with quarters of an hour."""
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
STEP = timedelta(minutes=5)
AT_FIXED_HOURS = (
    "30 2 * * *",
    "0 0 * * *",
    "*/15 2 * * *",
    "15 1-3 * * mon-fri",
    "45 2 1,15 * sun",
    "0 */6 * * *",
)
IN_EVERY_HOUR = ("*/15 * * * *", "0 * * * *", "5,35 * * * sat,sun", "*/20 * 10-20 4,10 *")


@cache
def local_times(zone: str) -> tuple[tuple[datetime, datetime], ...]:
    """Return every fifth minute of the year with the local time, as the reference for the other results."""
    time_zone, moments, at = ZoneInfo(zone), [], START - timedelta(days=2)
    while at < END + timedelta(days=2):
        moments.append((at, at.astimezone(time_zone).replace(tzinfo=None)))
        at += STEP
    return tuple(moments)


def by_time(cron: Cron, zone: str) -> list[datetime]:
    return [at for at, wall in local_times(zone) if wall.minute in cron.minutes and cron.has_day(wall.date())]


def by_clock(cron: Cron, zone: str) -> list[datetime]:
    moments = local_times(zone)
    first_occurrence: dict[datetime, datetime] = {}
    for at, wall in moments:
        first_occurrence.setdefault(wall, at)
    after_gap: dict[datetime, datetime] = {}
    for (_, before), (at, wall) in pairwise(moments):
        missing = before + STEP
        while missing < wall:
            after_gap[missing] = at
            missing += STEP
    times = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]
    day, found = (START - timedelta(days=2)).date(), set()
    while day <= (END + timedelta(days=2)).date():
        for wall in (datetime.combine(day, at) for at in times if cron.has_day(day)):
            moment = first_occurrence.get(wall, after_gap.get(wall))
            if moment is not None:
                found.add(moment)
        day += timedelta(days=1)
    return sorted(found)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("expressions", "reference"), [(AT_FIXED_HOURS, by_clock), (IN_EVERY_HOUR, by_time)])
def test_times_of_a_year_match_the_local_clock(
    zone: str, expressions: tuple[str, ...], reference: Callable[[Cron, str], list[datetime]]
) -> None:
    for expression in expressions:
        cron = parse(expression)
        expected = [at for at in reference(cron, zone) if START < at < END]
        assert list(_until(cron, zone, START, END)) == expected, expression


def _until(cron: Cron, zone: str, start: datetime, end: datetime) -> list[datetime]:
    found: list[datetime] = []
    for at in upcoming(cron, ZoneInfo(zone), start):
        if at >= end:
            return found
        found.append(at)
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_daily_time_occurs_once_on_each_day(zone: str) -> None:
    time_zone = ZoneInfo(zone)
    for hour in (0, 1, 2, 3):
        days = [at.astimezone(time_zone).date() for at in _until(parse(f"30 {hour} * * *"), zone, START, END)]
        assert len(days) == len(set(days)) >= 364
        assert all(later - day == timedelta(days=1) for day, later in pairwise(days))


@pytest.mark.parametrize("zone", ZONES)
def test_quarter_hours_have_a_constant_interval(zone: str) -> None:
    moments = _until(parse("*/15 * * * *"), zone, START, END)
    assert {later - at for at, later in pairwise(moments)} == {timedelta(minutes=15)}


def _local(expression: str, zone: str, start: str, count: int = 3) -> list[str]:
    moments = first(parse(expression), ZoneInfo(zone), datetime.fromisoformat(f"{start}+00:00"), count)
    return [at.astimezone(ZoneInfo(zone)).strftime("%m-%d %H:%M %z") for at in moments]


def test_time_in_a_gap_occurs_at_the_end_of_the_gap() -> None:
    assert _local("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "03-29 03:00 +0200",
        "03-30 02:30 +0200",
    ]
    assert _local("*/15 2 * * *", "Europe/Berlin", "2026-03-28T12:00", 2) == [
        "03-29 03:00 +0200",
        "03-30 02:00 +0200",
    ]
    assert _local("15 0 * * *", "America/Santiago", "2026-09-05T12:00", 1) == ["09-06 01:00 -0300"]
    assert _local("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", 1) == ["10-04 02:30 +1100"]
    assert _local("0 12 * * *", "Pacific/Apia", "2011-12-30T06:00", 1) == ["12-31 00:00 +1400"]


def test_repeated_time_occurs_once_and_hourly_ones_twice() -> None:
    assert _local("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00", 2) == [
        "10-25 02:30 +0200",
        "10-26 02:30 +0100",
    ]
    assert _local("0 * * * *", "Europe/Berlin", "2026-10-24T23:30", 3) == [
        "10-25 02:00 +0200",
        "10-25 02:00 +0100",
        "10-25 03:00 +0100",
    ]


FIELDS = (
    st.sampled_from(["*", "0", "*/5", "10-50/20", "0,30", "55"]),
    st.sampled_from(["*", "0", "2", "1-3", "*/2", "23,0", "0-22"]),
    st.sampled_from(["*", "1", "29", "31", "*/10", "25-31"]),
    st.sampled_from(["*", "3", "mar-apr", "9-11", "2"]),
    st.sampled_from(["*", "sun", "mon-fri", "0,6", "sat-sun"]),
)
MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))


@settings(max_examples=150, deadline=None)
@given(fields=st.tuples(*FIELDS), zone=st.sampled_from(ZONES), moment=MOMENTS)
def test_next_time_is_the_earliest_later_one(fields: tuple[str, ...], zone: str, moment: datetime) -> None:
    try:
        cron = parse(" ".join(fields))
    except BadCron:
        return
    time_zone = ZoneInfo(zone)
    found = after(cron, time_zone, moment)
    assert found is not None
    assert found > moment
    between = moment + (found - moment) / 2
    assert after(cron, time_zone, between) == found
    assert after(cron, time_zone, found - timedelta(microseconds=1)) == found
    assert latest(cron, time_zone, found) == found
    following = after(cron, time_zone, found)
    assert following is not None
    assert latest(cron, time_zone, following - timedelta(microseconds=1)) == found
    assert found.second == found.microsecond == 0


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("* * * *", "4 fields"),
        ("60 * * * *", "'60' is not a valid minute: the range is 0 to 59"),
        ("* 24 * * *", "not a valid hour"),
        ("* * 0 * *", "the range is 1 to 31"),
        ("* * * foo *", "names like 'feb'"),
        ("* * * * mon-fri/0", "1 or more"),
        ("5/15 * * * *", "write 5-59/15"),
        ("0 0 30 2 *", "None of its months has a day 30"),
        ("0 0 L * *", "write numbers"),
        ("0 0 ? * 1#2", "write numbers"),
        ("@reboot", "@hourly, @daily"),
        ("*/99999999999 * * * *", "write numbers"),
        ("٣ * * * *", "write numbers"),
        ("", "0 fields"),
        ("* " * 200, "longer than"),
    ],
)
def test_invalid_expression_is_reported_with_its_field(expression: str, says: str) -> None:
    with pytest.raises(BadCron) as problem:
        parse(expression)
    assert says in str(problem.value)


def test_ranges_wrap() -> None:
    assert parse("0 0 * * fri-mon").weekdays == {5, 6, 0, 1}
    assert parse("0 0 * * fri-sun").weekdays == parse("0 0 * * 5-0").weekdays == {5, 6, 0}
    assert parse("0 0 * * 7-2").weekdays == {0, 1, 2}
    assert parse("0 22-2 * * *").hours == (0, 1, 2, 22, 23)
    assert parse("50-10/10 20-4/4 * * *").minutes == (0, 10, 50)
    assert parse("50-10/10 20-4/4 * * *").hours == (0, 4, 20)
    assert parse("0 0 28-3 nov-feb *").days == {28, 29, 30, 31, 1, 2, 3}
    assert parse("0 0 28-3 nov-feb *").months == {11, 12, 1, 2}


def test_names_ranges_steps_and_aliases_have_the_usual_meaning() -> None:
    assert parse("0 9-17/4 * JAN,Jul MON-fri") == parse("0 9,13,17 * 1,7 1-5")
    assert parse("0 0 * * 7") == parse("0 0 * * SUN") == parse(ALIASES["@weekly"]) == parse(" @Weekly ")
    assert parse("0 0 * * sat-sun").weekdays == {6, 0}
    either, both = parse("0 0 13 * fri"), parse("0 0 */2 * fri")
    assert (either.has_day(date(2026, 11, 27)), either.has_day(date(2026, 12, 13))) == (True, True)
    assert (both.has_day(date(2026, 11, 27)), both.has_day(date(2026, 11, 20))) == (True, False)
    assert all(parse(one) for one in ALIASES)


def test_leap_day_is_found_and_unknown_zone_is_reported_with_a_suggestion() -> None:
    assert first(parse("0 0 29 2 *"), UTC, START, 2) == [
        datetime(2028, 2, 29, tzinfo=UTC),
        datetime(2032, 2, 29, tzinfo=UTC),
    ]
    assert latest(parse("0 0 29 2 *"), UTC, START) == datetime(2024, 2, 29, tzinfo=UTC)
    for name in (
        "Europe/Berln",
        "../../etc/passwd",
        "Europe",
        "",
        "a\0b",
        "Europe/Berlin/",
        "posix/Europe/Berlin",
        "localtime",
    ):
        with pytest.raises(BadCron, match="time zone"):
            zone_of(name)
    with pytest.raises(BadCron, match="'Europe/Berlin'"):
        zone_of("Europe/Berln")
    assert calendar.zone_of("Asia/Kolkata").key == "Asia/Kolkata"
