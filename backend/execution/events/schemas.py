"""Responses with events and spans."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from backend.core.attribute_docstrings import Schema
from backend.execution.events.queries import StoredEvent


class EventRead(Schema):
    """An event of a job."""

    id: int
    """Number of the event within the job, from 1 without gaps."""
    job_id: UUID
    ts: datetime
    type: str
    """`queued`, `started`, `log`, `succeeded`…: what happened. Types are never renamed."""
    payload: dict[str, Any]
    """Fields of the type."""

    @classmethod
    def of(cls, event: StoredEvent) -> Self:
        """Return the event of a row."""
        return cls(id=event.seq, job_id=event.job_id, ts=event.ts, type=event.type, payload=event.payload)


class SpanRead(Schema):
    """A period of a job. `parent_span_id` forms the tree."""

    trace_id: UUID
    """ID of the job."""
    span_id: str
    """16 hexadecimal digits."""
    parent_span_id: str | None
    kind: str
    """`run`, `queue`, `attempt`, `environment`, `function`, `durable_step` (of a function), `waiting` (for an
    approval, a time or an event), `phase` (preparation and end of an attempt, by the runtime), and for agents `step`,
    `llm`, `tool`."""
    name: str
    started_at: datetime
    duration_ms: float | None
    """`null` while the span has not ended."""
    attributes: dict[str, Any]
