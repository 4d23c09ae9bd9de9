"""Derive the spans of the parts of an attempt in which no code of the skill runs, so that no time is unexplained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from backend.execution.events.agent_spans import span_id
from backend.execution.events.schemas import EventRead, SpanRead

KIND: Final = "phase"
NAMES: Final = {
    "load": "load environment",
    "guardrails": "check inputs",
    "packages": "install packages",
    "sandbox": "prepare sandbox",
    "tools": "start tools and MCP servers",
    "files": "load files of the inputs",
    "store": "store files",
    "grade": "grade the result",
}
"""The name of each measured part, in the order of the parts."""
TRACED_BY_WORKER: Final = frozenset(NAMES[name] for name in NAMES if name not in ("tools", "files"))
"""Names of parts of which the worker exports spans itself."""
GAPS: Final = {
    "attempt": ("prepare", "continue the run", "end the attempt"),
    "step": ("call the model", "check the calls", "end the step"),
}
"""By kind of span, the names of the parts that no event reports: before, between, and after its children."""
LEAST_GAP: Final = timedelta(milliseconds=50)
STARTS: Final = frozenset({"agent_start", "function_start", "resumed"})
"""Types of events that end the preparation."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)


class Installation:
    """Derives the span of the installation of packages, while no event reports its duration."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._open: tuple[str, str, datetime] | None = None

    def add(self, event: EventRead, *, attempt: str | None, is_end: bool) -> Iterator[SpanRead]:
        """Process an event of an attempt, and return the span that it ends."""
        if event.type == "environment" and attempt is not None and self._open is None:
            self._open = (span_id(self._job_id, KIND, event.id), attempt, event.ts)
        elif (event.type in STARTS or is_end) and self._open is not None:
            if "packages" not in (event.payload.get("phases") or {}):
                yield from self.end(event.ts)
            self._open = None

    def end(self, at: datetime | None) -> Iterator[SpanRead]:
        """Return the open span, ended at a time; None: it has not ended."""
        if self._open is not None:
            identity, parent, started_at = self._open
            span = _span(self._job_id, identity, parent, NAMES["packages"], (started_at, at or started_at))
            yield span if at is not None else span.model_copy(update={"duration_ms": None})


def measured(job_id: UUID, event: EventRead, *, parent: str, not_before: datetime | None) -> list[SpanRead]:
    """Return the spans of the durations that an event reports; they lie one after another before the event."""
    found: list[SpanRead] = []
    ended_at = event.ts
    durations = event.payload.get("phases") or {}
    for name in (name for name in reversed(NAMES) if name in durations):  # the database keeps no order
        started_at = ended_at - timedelta(milliseconds=float(durations[name]))
        started_at = started_at if not_before is None else max(not_before, started_at)
        identity = span_id(job_id, f"{KIND}:{name}", event.id)
        found.append(_span(job_id, identity, parent, NAMES[name], (started_at, ended_at)))
        ended_at = started_at
    return found[::-1]


def gaps(span: SpanRead, children: Iterable[SpanRead]) -> Iterator[SpanRead]:
    """Yield spans for the parts of a span that no child explains, if they are long enough to be noticed."""
    names = GAPS.get(span.kind)
    if names is None:
        return
    at, end = span.started_at, _end_of(span)
    name = names[0]
    spans = sorted(children, key=lambda one: one.started_at)
    for number, child in enumerate(spans):
        if child.started_at - at >= LEAST_GAP:
            yield _gap(span, number, name, (at, child.started_at))
        at, name = max(at, _end_of(child)), names[1]
    if spans and span.duration_ms is not None and end - at >= LEAST_GAP:
        yield _gap(span, len(spans), names[2], (at, end))


def _end_of(span: SpanRead) -> datetime:
    """Return the end of a span; the end of time while it has none."""
    if span.duration_ms is None:
        return _NEVER
    return span.started_at + timedelta(milliseconds=span.duration_ms)


def _gap(span: SpanRead, number: int, name: str, period: tuple[datetime, datetime]) -> SpanRead:
    identity = span_id(span.trace_id, f"gap:{span.span_id}", number)
    return _span(span.trace_id, identity, span.span_id, name, period)


def _span(job_id: UUID, identity: str, parent: str, name: str, period: tuple[datetime, datetime]) -> SpanRead:
    return SpanRead(
        trace_id=job_id,
        span_id=identity,
        parent_span_id=parent,
        kind=KIND,
        name=name,
        started_at=period[0],
        duration_ms=round((period[1] - period[0]).total_seconds() * 1000, 3),
        attributes={},
    )
