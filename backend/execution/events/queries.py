"""Read the events of a job by number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Uuid, bindparam, false, func, select
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.execution.events.tables import MICROSECOND, JobEventRow

MAX_EVENTS = 10_000
MAX_SEQ = 2**31 - 1
"""The maximum of the column with the number."""


class EventCursor(NamedTuple):
    """The position after which events are read."""

    after: int
    """At most the number of the newest event, so that a reader does not wait for an event that exists."""
    is_end: bool
    """The job has ended, and no event follows."""


class StoredEvent(NamedTuple):
    """An event of a job."""

    job_id: UUID
    seq: int
    ts: datetime
    type: str
    payload: dict[str, Any]


async def read_after(
    session: AnySession, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[StoredEvent]:
    """Return the events with numbers above `after`, in order. The caller has checked that the job is visible."""
    values = {"job_id": job_id, "after": after, "limit": limit}
    rows = (await session.execute(_AFTER, values)).all()
    return list(islice((event for event in _events_of(rows) if event.seq > after), limit))


def is_next_kept(job_id: UUID, after: int) -> ColumnElement[bool]:
    """Return SQL that is true if the event after `after` is stored; retention may have deleted it."""
    number = min(after, MAX_SEQ - 1)
    first = (
        select(col(JobEventRow.seq) - func.coalesce(func.jsonb_array_length(col(JobEventRow.earlier)), 0))
        .where(col(JobEventRow.job_id) == job_id, col(JobEventRow.seq) > number)
        .order_by(col(JobEventRow.seq))
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(first <= number + 1, false())


def _events_of(rows: Iterable[Any]) -> Iterator[StoredEvent]:
    """Yield all events of rows."""
    for job_id, seq, ts, type_, payload, earlier in rows:
        if earlier:
            for number, (micros, *event) in enumerate(earlier, start=seq - len(earlier)):
                yield StoredEvent(job_id, number, ts - micros * MICROSECOND, *event)
        yield StoredEvent(job_id, seq, ts, type_, payload)


def split_events(line: str) -> Iterator[str]:
    """Yield the JSON of each event of a row, from the JSON of the row."""
    row = json.loads(line)
    ts = datetime.fromisoformat(row["ts"])
    for event in _events_of([(row["job_id"], row["seq"], ts, row["type"], row["payload"], row["earlier"])]):
        yield json.dumps({**event._asdict(), "ts": event.ts.isoformat()}, ensure_ascii=False)


_AFTER: Final = (
    select(
        col(JobEventRow.job_id),
        col(JobEventRow.seq),
        col(JobEventRow.ts),
        col(JobEventRow.type),
        col(JobEventRow.payload),
        col(JobEventRow.earlier),
    )
    .where(
        col(JobEventRow.job_id) == bindparam("job_id", type_=Uuid),
        col(JobEventRow.seq) > bindparam("after", type_=Integer),
    )
    .order_by(col(JobEventRow.seq))
    .limit(bindparam("limit", type_=Integer))
)
"""Built once, so that the statement stays prepared: every stream executes it for every event."""
