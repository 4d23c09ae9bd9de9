"""Reading a job's events by number."""

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
"""The column that numbers events holds no more."""


class Place(NamedTuple):
    """From where on events are read."""

    after: int
    """Never above what there is, so that nothing is waited for that has been."""
    is_the_end: bool
    """The job has ended and nothing comes after this."""


async def read_after(
    session: AnySession, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[JobEvent]:
    """The events of a job that was checked before, with numbers above `after`, in order."""
    values = {"job_id": job_id, "after": after, "most": limit}
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
    .limit(bindparam("most", type_=Integer))
)
"""Built once, so that it stays prepared: every stream reads with it after every event."""
