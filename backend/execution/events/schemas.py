"""How events and spans are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from backend.execution.events.tables import JobEvent


class EventRead(BaseModel):
    """A fact about a job."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: int
    """Its number within the job, from 1 without gaps."""
    job_id: UUID
    ts: datetime
    type: str
    """`queued`, `started`, `log`, `succeeded`…: what happened; a type is never renamed."""
    payload: dict[str, Any]
    """What belongs to the type."""

    @classmethod
    def of(cls, event: JobEvent) -> Self:
        """The event as it is shown."""
        return cls(id=event.seq, job_id=event.job_id, ts=event.ts, type=event.type, payload=event.payload)


class SpanRead(BaseModel):
    """A stretch of time of a job; the tree is made from `parent_span_id`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    trace_id: UUID
    """The job's id."""
    span_id: str
    """16 hexadecimal digits."""
    parent_span_id: str | None
    kind: str
    """`run`, `queue`, `attempt`, `environment`, `function`, and for agents `step`, `llm`, `tool`, `waiting` (for a
    person)."""
    name: str
    started_at: datetime
    duration_ms: float | None
    """`null` while it lasts."""
    attributes: dict[str, Any]
