"""Derive the spans of the durable steps of a function, with the cost of what each has used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from backend.execution.events.agent_spans import span_id
from backend.execution.events.schemas import EventRead, SpanRead

TYPES: Final = frozenset({"step_started", "step_finished"})
"""The types of events that the spans are derived from."""
LOG: Final = "log"
"""The type of events that the spans count."""
COSTS: Final = {"media": "billed_micros", "web": "billed_micros", "subagent_end": "used_micros"}
"""The types of events that are a cost, each with the field that has it."""


@dataclass(slots=True)
class _Open:
    span_id: str
    parent_span_id: str | None
    name: str
    started_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


class DurableSteps:
    """Derives spans from the events of steps. Steps of different branches of `parallel` overlap."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._open: dict[str, _Open] = {}
        """The open spans by the places of their steps: `BRANCH:POSITION`."""
        self._called: dict[str, str] = {}
        """The place of the step that has called each subjob."""

    def running(self, event: EventRead) -> str | None:
        """Return the ID of the span of the step to which an event belongs; None: to none, or that is not known."""
        span = self._of(event)
        return None if span is None else span.span_id

    def add(self, event: EventRead, *, parent: str | None) -> Iterator[SpanRead]:
        """Process an event of a step, and return the span that it ends."""
        payload = event.payload
        place = f"{payload.get('branch')}:{payload.get('position', 0)}"
        if event.type == "step_started":
            attributes = {name: payload.get(name) for name in ("kind", "branch", "position")}
            self._open[place] = self._span(event, parent, event.ts, attributes)
            return
        span = self._open.pop(place, None)
        if span is None:  # its start is not among these events
            started_at = event.ts - timedelta(milliseconds=float(payload.get("duration_ms", 0.0)))
            span = self._span(event, parent, started_at, {})
        fields = {name: value for name, value in payload.items() if name not in ("name", "duration_ms")}
        span.attributes |= {**fields, "ok": payload.get("status") == "finished"}
        yield self._view(span, event.ts)

    def add_usage(self, event: EventRead) -> None:
        """Add the cost of an event, or a log message, to the step that it belongs to."""
        span = self._of(event)
        if span is not None and event.type in COSTS:
            micros = int(event.payload.get(COSTS[event.type]) or 0)
            span.attributes["billed_micros"] = span.attributes.get("billed_micros", 0) + micros
        elif span is not None and event.type == LOG:
            span.attributes["log_events"] = span.attributes.get("log_events", 0) + 1

    def end(self, at: datetime | None) -> Iterator[SpanRead]:
        """Return the open spans, ended at a time; None: they have not ended."""
        for span in self._open.values():
            yield self._view(span, at)
        self._open.clear()

    def _of(self, event: EventRead) -> _Open | None:
        """Return the span of the step that an event names; without a name, that of the only step that runs."""
        place = event.payload.get("durable_step")
        job_id = str(event.payload.get("job_id"))
        if event.type == "subagent_start" and place is not None:
            self._called[job_id] = str(place)
        elif event.type == "subagent_end":
            place = self._called.get(job_id)
        if place is not None:
            return self._open.get(str(place))
        return next(iter(self._open.values())) if len(self._open) == 1 else None

    def _span(
        self, event: EventRead, parent: str | None, started_at: datetime, attributes: dict[str, Any]
    ) -> _Open:
        identity = span_id(self._job_id, "durable_step", event.id)
        return _Open(identity, parent, str(event.payload.get("name")), started_at, attributes)

    def _view(self, span: _Open, ended_at: datetime | None) -> SpanRead:
        duration = None if ended_at is None else max(timedelta(), ended_at - span.started_at)
        return SpanRead(
            trace_id=self._job_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            kind="durable_step",
            name=span.name,
            started_at=span.started_at,
            duration_ms=None if duration is None else round(duration.total_seconds() * 1000, 3),
            attributes=span.attributes,
        )
