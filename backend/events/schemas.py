"""How events and spans are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel

from backend.events.tables import JobEvent


class EventView(BaseModel):
    """A fact about a job; `id` is its number within the job, from 1."""

    id: int
    job_id: UUID
    ts: datetime
    type: str
    payload: dict[str, Any]

    @classmethod
    def of(cls, event: JobEvent) -> Self:
        """The event as it is shown."""
        return cls(id=event.seq, job_id=event.job_id, ts=event.ts, type=event.type, payload=event.payload)


class SpanView(BaseModel):
    """A stretch of time of a job; the tree is made from `parent_span_id`."""

    trace_id: UUID
    """The job's id."""
    span_id: str
    """16 hexadecimal digits."""
    parent_span_id: str | None
    kind: str
    """`run`, `queue`, `attempt`, `environment`, `function`, and for agents `step`, `llm`, `tool`."""
    name: str
    started_at: datetime
    duration_ms: float | None
    """None while it lasts."""
    attributes: dict[str, Any]
