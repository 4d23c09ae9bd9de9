"""Read pages of the log of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.execution.jobs.access.events import event_cursor
from backend.execution.logs.schemas import LogPage, LogRead
from backend.identity.auth.principal import Principal

MAX_ENTRIES: Final = 1_000
MAX_CHARACTERS: Final = 512_000
"""Maximum length of the texts of a page; it has at least one entry."""

_LEVEL: Final = "coalesce(e.payload ->> 'level', e.payload ->> 'stream')"
_PAGE: Final = text(f"""
with entry as (
  select e.seq, e.ts, {_LEVEL} as level, e.payload ->> 'text' as text, e.payload -> 'fields' as fields
  from job_events e
  where e.job_id = :job_id and e.type = 'log' and e.seq > :after
    and (cast(:levels as text[]) is null or {_LEVEL} = any(cast(:levels as text[])))
  order by case when :is_tail then -e.seq else e.seq end
  limit :limit
), summed as (
  select entry.*, sum(length(text)) over (order by case when :is_tail then -seq else seq end) - length(text) as before
  from entry
)
select seq, ts, level, text, fields from summed where before < :max_characters order by seq
""")  # noqa: S608 - the interpolated value is a constant
_COUNTS: Final = text(f"""
select {_LEVEL} as level, count(*) as entries from job_events e
where e.job_id = :job_id and e.type = 'log' group by 1
""")  # noqa: S608 - the interpolated value is a constant


class LogFilter(NamedTuple):
    """The part of a log that is read."""

    after: int = 0
    """Only entries with higher numbers."""
    limit: int = MAX_ENTRIES
    levels: Sequence[str] = ()
    """Only entries of these levels; empty: all."""
    is_tail: bool = False
    """The last entries instead of the first ones."""


async def read_log(
    session: AsyncSession, principal: Principal, job_id: UUID, log_filter: LogFilter
) -> LogPage:
    """Return a page of the log of a job that the principal can see.

    Raises:
        JobNotFound: The principal can see no such job.
        EventsGone: Retention has deleted the events.
    """
    await event_cursor(session, principal, job_id, after=log_filter.after)
    values = {
        "job_id": job_id,
        "after": log_filter.after,
        "limit": log_filter.limit,
        "levels": list(log_filter.levels) or None,
        "is_tail": log_filter.is_tail,
        "max_characters": MAX_CHARACTERS,
    }
    rows = (await session.execute(_PAGE, values)).all()
    counts: dict[str, int] = {}
    if log_filter.after == 0:
        counted = (await session.execute(_COUNTS, {"job_id": job_id})).all()
        counts = {row.level: row.entries for row in counted}
    is_full = len(rows) == log_filter.limit or _length(rows) >= MAX_CHARACTERS
    next_after = rows[-1].seq if rows and is_full and not log_filter.is_tail else None
    return LogPage(entries=[_entry(row) for row in rows], next_after=next_after, counts=counts)


def _length(rows: Sequence[Any]) -> int:
    return sum(len(row.text) for row in rows)


def _entry(row: Any) -> LogRead:
    return LogRead(id=row.seq, ts=row.ts, level=row.level, text=row.text, fields=row.fields or {})
