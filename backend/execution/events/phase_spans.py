"""Derive the spans of the parts of an attempt in which no code of the skill runs, so that no time is unexplained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
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
    if names is None or span.duration_ms is None:
        return
    at, end = span.started_at, span.started_at + timedelta(milliseconds=span.duration_ms)
    name = names[0]
    spans = sorted(children, key=lambda one: one.started_at)
    for number, (start, until) in enumerate(_periods(spans, end)):
        if start - at >= LEAST_GAP:
            yield _gap(span, number, name, (at, start))
        at, name = max(at, until), names[1]
    if spans and end - at >= LEAST_GAP:
        yield _gap(span, len(spans), names[2], (at, end))


def _periods(spans: Sequence[SpanRead], end: datetime) -> Iterator[tuple[datetime, datetime]]:
    for one in spans:
        duration = one.duration_ms
        until = end if duration is None else one.started_at + timedelta(milliseconds=duration)
        yield one.started_at, until


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
