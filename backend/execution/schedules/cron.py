"""Parse cron expressions: five fields, each a set of numbers. Errors name the field and the part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

MAX_CHARACTERS: Final = 200
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS_OF_MONTH: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


class BadCron(ValueError):
    """The expression or time zone is not valid; the text says why."""


class _Field(NamedTuple):
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()
    first_name_value: int = 0


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, _MONTHS, 1),
    _Field("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A parsed expression, in local time."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either_day: bool
    """Both kinds of days are restricted: a day that matches either of them matches, as in standard cron."""

    @property
    def is_every_hour(self) -> bool:
        """Return whether the expression names no hours, so that it follows elapsed time instead of local time."""
        return len(self.hours) == 24

    def has_day(self, day: date) -> bool:
        """Return whether the expression matches on this day."""
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def parse(expression: str) -> Cron:
    """Parse an expression.

    Raises:
        BadCron: The expression is not valid, or names only days that do not exist.
    """
    text = expression.strip().lower()
    if len(text) > MAX_CHARACTERS:
        raise BadCron(f"It is longer than {MAX_CHARACTERS} characters.")
    if text.startswith("@"):
        if text not in ALIASES:
            raise BadCron(f"{expression.strip()!r} is not a known alias. Available: {', '.join(ALIASES)}.")
        text = ALIASES[text]
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise BadCron(
            f"It has {len(parts)} fields; cron expressions have 5: minute, hour, day of the month, month, "
            "day of the week; '30 9 * * mon-fri' is 09:30 on working days."
        )
    minutes, hours, days, months, weekdays = (
        _values(part, field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=frozenset(days),
        months=frozenset(months),
        weekdays=frozenset(day % 7 for day in weekdays),
        either_day=not parts[2].startswith("*") and not parts[4].startswith("*"),
    )
    if not cron.either_day and all(min(days) > _DAYS_OF_MONTH[month - 1] for month in months):
        raise BadCron(f"None of its months has a day {min(days)}, so it never fires.")
    return cron


def _values(text: str, field: _Field) -> set[int]:
    values: set[int] = set()
    for part in text.split(","):
        values |= set(_range(part, field))
    return values


def _range(part: str, field: _Field) -> range | list[int]:
    span, slash, step_text = part.partition("/")
    step = _number(step_text, part, field) if slash else 1
    if step < 1:
        raise _bad(part, field, "a step must be 1 or more")
    last = 6 if field.names is _DAYS else field.last
    if span == "*":
        return range(field.first, last + 1, step)
    low_text, dash, high_text = span.partition("-")
    low = _value(low_text, part, field)
    if not dash:
        if slash:
            raise _bad(part, field, f"a step needs a range: write {span}-{field.last}/{step_text}")
        return range(low, low + 1)
    high = _value(high_text, part, field)
    if high >= low:
        return range(low, high + 1, step)
    # A range that wraps: `fri-mon`, `22-2`.
    count = last - field.first + 1
    return [field.first + (value - field.first) % count for value in range(low, high + count + 1, step)]


def _value(text: str, part: str, field: _Field) -> int:
    if text in field.names:
        return field.names.index(text) + field.first_name_value
    value = _number(text, part, field)
    if not field.first <= value <= field.last:
        raise _bad(part, field, f"the range is {field.first} to {field.last}")
    return value


def _number(text: str, part: str, field: _Field) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        names = f", or names like {field.names[1]!r}" if field.names else ""
        raise _bad(
            part, field, f"write numbers{names}, '*', ranges 'a-b', steps '*/n', with commas between them"
        )
    return int(text)


def _bad(part: str, field: _Field, why: str) -> BadCron:
    return BadCron(f"{part!r} is not a valid {field.name}: {why}.")
