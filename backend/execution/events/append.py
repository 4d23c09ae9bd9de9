"""Append events in the transaction of the change that they report, numbered by the counter of the job."""

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
from backend.execution.events.tables import MICROSECOND
from backend.execution.events.types import JobEvent

TERMINAL_TYPES: Final = frozenset({"succeeded", "failed", "cancelled"})
SEARCHED_TYPES: Final = frozenset(
    {"log", "model_response", "model_interrupted", "tool_started", "tool_result", "forked"}
)
"""Types that statements look for. Each event of them is the last one of its row."""
MAX_EARLIER: Final = 15
"""Maximum number of events that a row has besides its last one."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that does not have its number yet."""

    event: JobEvent
    ts: datetime = field(default_factory=now)

    @property
    def type(self) -> str:
        """Return the type of the event."""
        return self.event.type

    @property
    def payload(self) -> dict[str, Any]:
        """Return what is stored of the event."""
        return self.event.to_payload()


@dataclass(frozen=True, slots=True)
class EncodedEvent:
    """A new event as it will be stored, redacted where its job requires it.

    Only the code that redacts events constructs it; everything else records objects of the types.
    """

    type: str
    payload: dict[str, Any]
    ts: datetime = field(default_factory=now)


PendingEvent = NewEvent | EncodedEvent
"""An event that can be appended."""


EVENT_ROWS: Final = (
    "jsonb_to_recordset(cast(:events as jsonb)) "
    "as e(n int, ts timestamptz, type text, payload jsonb, earlier jsonb)"
)
"""SQL that reads what `as_rows` wrote; `n` counts events from 1."""
EVENT_COLUMNS: Final = "earlier, ts, type, payload"
"""Columns of a row besides its key."""
EVENT_VALUES: Final = "e.earlier, e.ts, e.type, e.payload"
"""Their values in `EVENT_ROWS`."""

_APPEND = text(f"""
with job as (
  update jobs set event_seq = event_seq + :count
  where id = :job_id and attempt = :attempt and status = :status
  returning event_seq
), event as (
  insert into job_events (job_id, seq, {EVENT_COLUMNS})
  select :job_id, job.event_seq - :count + e.n, {EVENT_VALUES} from job, {EVENT_ROWS}
)
select event_seq from job
""")  # noqa: S608 - interpolated values are constants


def as_rows(events: Sequence[PendingEvent]) -> str:
    """Return the events as one JSON parameter for `EVENT_ROWS`.

    Events share rows, since each row costs as much as a small event. The last event of a row has its columns.
    """
    rows: list[dict[str, Any]] = []
    earlier: list[PendingEvent] = []
    for number, event in enumerate(events, start=1):
        if number < len(events) and len(earlier) < MAX_EARLIER and event.type not in SEARCHED_TYPES:
            earlier.append(event)
            continue
        row = {"n": number, "ts": event.ts.isoformat(), "type": event.type, "payload": event.payload}
        if earlier:
            row["earlier"] = [[(event.ts - one.ts) // MICROSECOND, one.type, one.payload] for one in earlier]
        rows.append(row)
        earlier = []
    return storable(rows)


def as_payload(event: JobEvent) -> str:
    """Return the payload of an event as one JSON parameter, for a statement that knows the type."""
    return storable(event.to_payload())


async def append(
    session: AsyncSession, *, job_id: UUID, attempt: int, events: Sequence[PendingEvent]
) -> bool:
    """Append to a running job. False: the attempt is not the running one any more, and nothing is stored."""
    return await _append(session, job_id, attempt, "running", events)


async def append_to_queued(session: AsyncSession, *, job_id: UUID, events: Sequence[PendingEvent]) -> bool:
    """Append to a job that is not claimed yet. False: it is claimed, and nothing is stored."""
    return await _append(session, job_id, 0, "queued", events)


async def _append(
    session: AsyncSession, job_id: UUID, attempt: int, status: str, events: Sequence[PendingEvent]
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
