"""When a cron expression comes in a time zone. Functions of a moment alone: no clock, no database.

Clocks are put forward and back, and then some times do not exist, and some exist twice:

- An expression that names hours comes once for each time that it names. One that does not exist comes at the first
  moment after the gap, one that exists twice the first time.
- An expression for every hour follows the time that passes: whenever the clock shows a minute that it names, in both
  passes of an hour that is repeated, and not for an hour that is left out.
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
_NOT_OF_THE_LIST: Final = ("posix", "right/", "local", "Factory")
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)
_LOOK_BACK: Final = (timedelta(hours=2), timedelta(days=2), timedelta(days=63), HORIZON)


class Clock(NamedTuple):
    """An expression, and whose clock it goes by."""

    cron: Cron
    zone: ZoneInfo


def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name.

    Raises:
        BadCron: there is none.
    """
    if _ZONE.fullmatch(name) and not name.startswith(_NOT_OF_THE_LIST):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # such as a folder of zones
    near = get_close_matches(name[:100], zones(), n=1, cutoff=0.5)
    hint = f" Do you mean {near[0]!r}?" if near else ""
    raise BadCron(f"{name[:100]!r} is not a time zone of the IANA list, such as 'Europe/Berlin'.{hint}")


def after(cron: Cron, zone: tzinfo, moment: datetime) -> datetime | None:
    """The first moment behind this one at which it comes, in UTC; none within nine years."""
    if cron.is_every_hour:
        return _after_by_time(cron, zone, moment)
    return _after_by_clock(cron, zone, moment)


def coming(cron: Cron, zone: tzinfo, moment: datetime) -> Iterator[datetime]:
    """The moments behind this one, one after the other."""
    found = after(cron, zone, moment)
    while found is not None:
        yield found
        found = after(cron, zone, found)


def first(cron: Cron, zone: tzinfo, moment: datetime, count: int) -> list[datetime]:
    """As many of the next moments."""
    return list(islice(coming(cron, zone, moment), count))


def latest(cron: Cron, zone: tzinfo, moment: datetime) -> datetime | None:
    """The last moment at which it came, up to and with this one."""
    for look_back in _LOOK_BACK:
        found = None
        for one in coming(cron, zone, moment - look_back):
            if one > moment:
                break
            found = one
        if found is not None:
            return found
    return None


def _after_by_clock(cron: Cron, zone: tzinfo, moment: datetime) -> datetime | None:
    """Day by day, and in each the first time behind the moment: what follows on the wall never comes sooner."""
    times = [time(hour, minute) for hour in cron.hours for minute in cron.minutes]
    day = moment.astimezone(zone).date() - _DAY  # a gap may push the end of a day into the next one
    last = day + HORIZON
    while day <= last:
        if cron.has_day(day):
            place = bisect_right(times, moment, key=lambda at: _moment(day, at, zone))
            if place < len(times):
                return _moment(day, times[place], zone)
        day += _DAY
    return None


def _after_by_time(cron: Cron, zone: tzinfo, moment: datetime) -> datetime | None:
    at = moment.astimezone(UTC).replace(second=0, microsecond=0) + _MINUTE
    end = at + HORIZON
    while at <= end:
        shown = at.astimezone(zone)
        if not cron.has_day(shown.date()):
            at = max(_moment(shown.date() + _DAY, time(0), zone), at + _MINUTE)
        elif shown.minute in cron.minutes:
            return at
        else:
            at = _next_minute(cron, zone, at, shown)
    return None


def _next_minute(cron: Cron, zone: tzinfo, at: datetime, shown: datetime) -> datetime:
    """Where to look next: at the next minute that is named, or at the next hour; not past a change of the clock."""
    place = bisect_right(cron.minutes, shown.minute)
    to = cron.minutes[place] if place < len(cron.minutes) else 60
    ahead = at + timedelta(minutes=to - shown.minute)
    if ahead.astimezone(zone).utcoffset() != shown.utcoffset():
        return at + _MINUTE
    return ahead


def _moment(day: date, at: time, zone: tzinfo) -> datetime:
    """When the clock on the wall shows this: the first time if twice, the first moment after the gap if never."""
    wall = datetime.combine(day, at)
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    # In a gap, where the two offsets around it place the wall's time on either side of it.
    early, late = wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment
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
    """The names of every time zone that this machine knows."""
    return frozenset(available_timezones())
