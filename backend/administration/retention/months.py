"""Drop partitions with whole months of events when none of the events is needed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.execution.events import partitions

_PARTITIONS: Final = text("""
select c.relname, pg_total_relation_size(c.oid) as size_bytes, greatest(c.reltuples, 0)::bigint as about_rows
from pg_class c join pg_inherits i on i.inhrelid = c.oid
where i.inhparent = to_regclass('job_events') order by c.relname
""")
_NEEDED: Final = text("""
select exists (
  select from jobs where created_at < :until and (finished_at is null or finished_at > :before)
)
""")
_LOCK_TIMEOUT: Final = text(
    "set local lock_timeout = '2s'"
)  # inserts of events queue behind the waiting lock


class Month(NamedTuple):
    """A partition with a month of expired events."""

    partition: str
    size_bytes: int
    about_rows: int


async def expired(session: AsyncSession, before: datetime) -> list[Month]:
    """Return the months that end before `before` and have no event of a job that ran later.

    Events of one job are deleted together.
    """
    found = []
    for row in (await session.execute(_PARTITIONS)).all():
        first = partitions.month_of(row.relname)
        if first is None:
            continue
        until = _midnight(partitions.month_after(first))
        needed = {"until": until, "before": before}
        if until <= before and not await session.scalar(_NEEDED, needed):
            found.append(Month(row.relname, row.size_bytes, row.about_rows))
    return found


async def drop(session: AsyncSession, month: Month) -> None:
    """Drop the partition of the month; fails if the lock is not available within two seconds."""
    await session.execute(_LOCK_TIMEOUT)
    await session.execute(text(f"drop table {month.partition}"))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
