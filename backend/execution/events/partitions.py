"""Create the monthly partitions of `job_events` in advance."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

MONTHS_AHEAD = 2


async def create_ahead(session: AsyncSession, today: date) -> list[str]:
    """Create the missing partitions of this month and the next ones, and return their names."""
    created = [await create(session, _month(today, ahead)) for ahead in range(MONTHS_AHEAD + 1)]
    return [name for name in created if name is not None]


async def create(session: AsyncSession, first: date) -> str | None:
    """Create the partition of the month that starts on this day, and return its name; None if it exists.

    A month with events in the default partition stays there, because moving them would lock the table.
    """
    after = month_after(first)
    name = f"job_events_{first:%Y_%m}"
    if await _exists(session, name) or await _is_in_default(session, first, after):
        return None
    await session.execute(
        text(f"create table {name} partition of job_events for values from ('{first}') to ('{after}')")
    )
    return name


def month_of(partition: str) -> date | None:
    """Return the first day of the month of a partition; None if it is no monthly partition."""
    named = re.fullmatch(r"job_events_([0-9]{4})_(0[1-9]|1[0-2])", partition)
    return date(int(named[1]), int(named[2]), 1) if named else None


def month_after(first: date) -> date:
    """Return the first day of the next month."""
    return _month(first, 1)


async def _exists(session: AsyncSession, name: str) -> bool:
    found = await session.execute(text("select to_regclass(:name) is not null"), {"name": name})
    return bool(found.scalar_one())


async def _is_in_default(session: AsyncSession, first: date, after: date) -> bool:
    query = text("select exists (select from job_events_other where ts >= :first and ts < :after)")
    return bool((await session.execute(query, {"first": first, "after": after})).scalar_one())


def _month(today: date, ahead: int) -> date:
    months = today.year * 12 + today.month - 1 + ahead
    return date(months // 12, months % 12 + 1, 1)
