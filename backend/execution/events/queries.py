"""Read the events of a job by number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, Uuid, bindparam, select
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.execution.events.tables import JobEvent

MAX_EVENTS = 10_000
MAX_SEQ = 2**31 - 1
"""The maximum of the column with the number."""


class EventCursor(NamedTuple):
    """The position after which events are read."""

    after: int
    """At most the number of the newest event, so that a reader does not wait for an event that exists."""
    is_end: bool
    """The job has ended, and no event follows."""


async def read_after(
    session: AnySession, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[JobEvent]:
    """Return the events with numbers above `after`, in order. The caller has checked that the job is visible."""
    values = {"job_id": job_id, "after": after, "limit": limit}
    rows: Sequence[Any] = (await session.execute(_AFTER, values)).all()
    return rows


_AFTER: Final = (
    select(
        col(JobEvent.job_id), col(JobEvent.seq), col(JobEvent.ts), col(JobEvent.type), col(JobEvent.payload)
    )
    .where(
        col(JobEvent.job_id) == bindparam("job_id", type_=Uuid),
        col(JobEvent.seq) > bindparam("after", type_=Integer),
    )
    .order_by(col(JobEvent.seq))
    .limit(bindparam("limit", type_=Integer))
)
"""Built once, so that the statement stays prepared: every stream executes it for every event."""
