"""Whole months of events: a partition goes at once when nobody needs anything in it."""

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
_PATIENCE: Final = text("set local lock_timeout = '2s'")  # events wait behind us as long as we wait


class Month(NamedTuple):
    """A month of events that nobody needs any more."""

    partition: str
    size_bytes: int
    about_rows: int


async def expired(session: AsyncSession, before: datetime) -> list[Month]:
    """Months that end before the moment and hold no event of a job that ran since: its events stay together."""
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
    """Remove the month; gives up when it has to wait for longer than a moment, to be tried again later."""
    await session.execute(_PATIENCE)
    await session.execute(text(f"drop table {month.partition}"))


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
