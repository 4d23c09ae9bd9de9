"""Compute the times of a cron expression in a time zone. Pure functions: no clock, no database.

When clocks go forward or back, some local times do not exist, and some exist twice:

- An expression that names hours matches once for each local time. A time that does not exist matches at the first
  instant after the gap; a time that exists twice matches the first time.
- An expression for every hour follows elapsed time: it matches whenever the local minute matches, in both passes of a
  repeated hour, and not in a skipped hour.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from difflib import get_close_matches
from functools import lru_cache
from itertools import islice
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from backend.execution.schedules.cron import BadCron, Cron

HORIZON: Final = timedelta(days=366 * 9)
"""A 29th of February is at most eight years away."""
_ZONE: Final = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}")
_NOT_IANA: Final = ("posix", "right/", "local", "Factory")
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_SEARCH_WINDOWS: Final = (timedelta(hours=2), timedelta(days=2), timedelta(days=63), HORIZON)


class Clock(NamedTuple):
    """A cron expression and its time zone."""

    cron: Cron
    zone: ZoneInfo


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone with this name.

    Raises:
        BadCron: There is no such time zone.
    """
    if _ZONE.fullmatch(name) and not name.startswith(_NOT_IANA):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # such as a folder of zones
    near = get_close_matches(name[:100], zones(), n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadCron(f"{name[:100]!r} is not a time zone of the IANA list. An example is 'Europe/Berlin'.{hint}")


def after(cron: Cron, zone: tzinfo, at_time: datetime) -> datetime | None:
    """Return the first match after a time, in UTC; None if there is none within nine years."""
    if cron.is_every_hour:
        return _after_by_time(cron, zone, at_time)
    return _after_by_clock(cron, zone, at_time)


def upcoming(cron: Cron, zone: tzinfo, at_time: datetime) -> Iterator[datetime]:
    """Iterate over the matches after a time."""
    found = after(cron, zone, at_time)
    while found is not None:
        yield found
        found = after(cron, zone, found)


def first(cron: Cron, zone: tzinfo, at_time: datetime, count: int) -> list[datetime]:
    """Return the first `count` matches after a time."""
    return list(islice(upcoming(cron, zone, at_time), count))


def latest(cron: Cron, zone: tzinfo, at_time: datetime) -> datetime | None:
    """Return the last match up to and including a time."""
    for window in _SEARCH_WINDOWS:
        found = None
        for time_found in upcoming(cron, zone, at_time - window):
            if time_found > at_time:
                break
            found = time_found
        if found is not None:
            return found
    return None


def _after_by_clock(cron: Cron, zone: tzinfo, at_time: datetime) -> datetime | None:
    """Search day by day. Within a day, a later local time never has an earlier UTC time."""
    times = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]
    day = at_time.astimezone(zone).date() - _DAY  # a gap may push the end of a day into the next one
    last = day + HORIZON
    while day <= last:
        if cron.has_day(day):
            index = bisect_right(times, at_time, key=lambda current: _utc_of(day, current, zone))
            if index < len(times):
                return _utc_of(day, times[index], zone)
        day += _DAY
    return None


def _after_by_time(cron: Cron, zone: tzinfo, at_time: datetime) -> datetime | None:
    current = at_time.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
    horizon = current + HORIZON
    while current <= horizon:
        local = current.astimezone(zone)
        if not cron.has_day(local.date()):
            current = max(_utc_of(local.date() + _DAY, time(0), zone), current + _MINUTE)
        elif local.minute in cron.minutes:
            return current
        else:
            current = _next_minute(cron, zone, current, local)
    return None


def _next_minute(cron: Cron, zone: tzinfo, current: datetime, local: datetime) -> datetime:
    """Return the next time to check: the next matching minute or the next hour, but not past a clock change."""
    index = bisect_right(cron.minutes, local.minute)
    to = cron.minutes[index] if index < len(cron.minutes) else 60
    ahead = current + timedelta(minutes=to - local.minute)
    if ahead.astimezone(zone).utcoffset() != local.utcoffset():
        return current + _MINUTE
    return ahead


def _utc_of(day: date, current: time, zone: tzinfo) -> datetime:
    """Return the UTC time of a local time: the first one of two, or the end of the gap if it does not exist."""
    wall = datetime.combine(day, current)
    at_time = wall.replace(tzinfo=zone).astimezone(UTC)
    if at_time.astimezone(zone).replace(tzinfo=None) == wall:
        return at_time
    # The time is in a gap: the offsets before and after it give UTC times on both sides of the clock change.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), at_time
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) // 2
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late.replace(microsecond=0)


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Return the names of all time zones that this host knows."""
    return frozenset(available_timezones())
