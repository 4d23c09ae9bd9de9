"""Export the spans of a job with the attributes of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from backend.core.tracing import spans
from backend.core.tracing.spans import Attribute
from backend.execution.events import agent_spans, phase_spans, step_spans
from backend.execution.events.append import EncodedEvent, PendingEvent
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.events.spans import CLOSES, OPENS, fold

EVENT_TYPES: Final = (
    frozenset(OPENS)
    | frozenset(CLOSES)
    | agent_spans.TYPES
    | step_spans.TYPES
    | frozenset({"agent_start", "resumed"})
)
"""The types of events that spans are derived from."""
_TRACED_BY_WORKER: Final = frozenset({"run", "queue", "waiting", "attempt"})
"""Kinds of spans that the worker records itself."""
_NUMBER_ATTRIBUTES: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "step": "puras.step",
    "position": "puras.step.position",
}
_TEXT_ATTRIBUTES: Final = {
    "durable_step": {"kind": "puras.step.kind", "branch": "puras.step.branch"},
    "llm": {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model"},
    "tool": {"tool": "gen_ai.tool.name", "tool_use_id": "gen_ai.tool.call.id"},
}
_OPERATIONS: Final = {"llm": "chat", "tool": "execute_tool"}
_MAX_CHARACTERS: Final = 200


def export(job_id: UUID, skill_name: str, events: Sequence[PendingEvent], *, parent: str) -> None:
    """Record the spans of the events of one attempt as descendants of the span of the attempt."""
    if not events or not parent:
        return
    seen = [
        EventRead(id=number, job_id=job_id, ts=event.ts, type=event.type, payload=event.payload)
        for number, event in enumerate(events, start=1)
    ]
    traceparents: dict[str | None, str] = {}
    views = [view for view in fold(job_id, skill_name, seen) if not _is_traced_by_worker(view)]
    for view in sorted(views, key=lambda view: view.started_at):  # parents first
        span = spans.record(
            span_name(view),
            parent=traceparents.get(view.parent_span_id, parent),
            started_ns=_ns(view.started_at),
            ended_ns=_ended_ns(view, seen[-1].ts),
            **attributes_of(view),
        )
        traceparents[view.span_id] = span.traceparent


def _is_traced_by_worker(view: SpanRead) -> bool:
    return view.kind in _TRACED_BY_WORKER or (
        view.kind == phase_spans.KIND and view.name in phase_spans.TRACED_BY_WORKER
    )


def without_contents(event: EncodedEvent) -> EncodedEvent:
    """Return the event without its contents: replies and results can be large, and are held until the job ends."""
    fields = {name: value for name, value in event.payload.items() if name not in agent_spans.CONTENTS}
    return EncodedEvent(event.type, fields, event.ts)


def span_name(view: SpanRead) -> str:
    """Return the name of a span: the operation with its model or tool, without any content."""
    operation = _OPERATIONS.get(view.kind)
    if view.kind == phase_spans.KIND:
        return view.name
    if operation is None:
        return view.kind
    subject = view.attributes.get("model" if view.kind == "llm" else "tool")
    return f"{operation} {_short(subject)}" if isinstance(subject, str) else operation


def attributes_of(view: SpanRead) -> dict[str, Attribute]:
    """Return the numbers and names that the conventions define, without any content."""
    found: dict[str, Attribute] = {"puras.span.kind": view.kind}
    if view.kind in _OPERATIONS:
        found["gen_ai.operation.name"] = _OPERATIONS[view.kind]
    for field, name in _TEXT_ATTRIBUTES.get(view.kind, {}).items():
        if isinstance(view.attributes.get(field), str):
            found[name] = _short(view.attributes[field])
    for field, name in _NUMBER_ATTRIBUTES.items():
        value = view.attributes.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
    return found


def _short(text: str) -> str:
    return text[:_MAX_CHARACTERS]


def _ended_ns(view: SpanRead, last: datetime) -> int:
    if view.duration_ms is None:
        return _ns(last)
    return _ns(view.started_at) + int(view.duration_ms * 1e6)


def _ns(time: datetime) -> int:
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
