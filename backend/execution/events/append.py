"""Appending events: in the transaction of the fact that they tell, numbered from the job's own counter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.clock import now
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED

TERMINAL_TYPES: Final = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact in the past tense that does not have its number yet."""

    type: str
    payload: dict[str, Any] = field(default_factory=dict)
    ts: datetime = field(default_factory=now)


EVENT_ROWS = (
    "jsonb_to_recordset(cast(:events as jsonb)) as e(n int, ts timestamptz, type text, payload jsonb)"
)
"""SQL that reads what `as_rows` wrote; `n` counts from 1."""

_APPEND = text(f"""
with job as (
  update jobs set event_seq = event_seq + :count
  where id = :job_id and attempt = :attempt and status = :status
  returning event_seq
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select :job_id, job.event_seq - :count + e.n, e.ts, e.type, e.payload from job, {EVENT_ROWS}
)
select event_seq from job
""")  # noqa: S608 - the one interpolated value is a constant


def as_rows(events: Sequence[NewEvent]) -> str:
    """The events as one JSON parameter for `EVENT_ROWS`."""
    return storable(
        [
            {"n": place, "ts": event.ts.isoformat(), "type": event.type, "payload": event.payload}
            for place, event in enumerate(events, start=1)
        ]
    )


async def append(session: AsyncSession, *, job_id: UUID, attempt: int, events: Sequence[NewEvent]) -> bool:
    """Append to a running job; False when the attempt is not the running one any more, and then nothing is stored."""
    return await _append(session, job_id, attempt, "running", events)


async def append_to_queued(session: AsyncSession, *, job_id: UUID, events: Sequence[NewEvent]) -> bool:
    """Append to a job that nobody has claimed yet; False when somebody has, and then nothing is stored."""
    return await _append(session, job_id, 0, "queued", events)


async def _append(
    session: AsyncSession, job_id: UUID, attempt: int, status: str, events: Sequence[NewEvent]
) -> bool:
    values = {
        "job_id": job_id,
        "attempt": attempt,
        "status": status,
        "count": len(events),
        "events": as_rows(events),
    }
    seq: int | None = (await session.execute(_APPEND, values)).scalar_one_or_none()
    if seq is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, seq))
    transactional.note(session, EVENTS_APPENDED, len(events))
    return True
