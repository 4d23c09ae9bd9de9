"""The job's own spans, as its events tell of them, in the words of OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from backend.core.tracing import spans
from backend.core.tracing.spans import Attribute
from backend.execution.events import agent_spans
from backend.execution.events.append import EncodedEvent, PendingEvent
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.events.spans import CLOSES, OPENS, fold

TOLD: Final = frozenset(OPENS) | frozenset(CLOSES) | agent_spans.TYPES
"""The types of events that spans are made of."""
_OURS: Final = frozenset({"run", "queue", "waiting", "attempt"})
"""What the worker has traced itself."""
_NUMBERS: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "step": "puras.step",
}
_WORDS: Final = {
    "llm": {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model"},
    "tool": {"tool": "gen_ai.tool.name", "tool_use_id": "gen_ai.tool.call.id"},
}
_OPERATIONS: Final = {"llm": "chat", "tool": "execute_tool"}
_MAX_CHARACTERS: Final = 200


def export(job_id: UUID, skill_name: str, events: Sequence[PendingEvent], *, parent: str) -> None:
    """Send the spans that the events of one attempt tell of, below the attempt's own."""
    if not events or not parent:
        return
    seen = [
        EventRead(id=place, job_id=job_id, ts=event.ts, type=event.type, payload=event.payload)
        for place, event in enumerate(events, start=1)
    ]
    known: dict[str | None, str] = {}
    told = [view for view in fold(job_id, skill_name, seen) if view.kind not in _OURS]
    for view in sorted(told, key=lambda view: view.started_at):  # parents first
        made = spans.record(
            name_of(view),
            parent=known.get(view.parent_span_id, parent),
            began_ns=_ns(view.started_at),
            ended_ns=_ended_ns(view, seen[-1].ts),
            **attributes_of(view),
        )
        known[view.span_id] = made.traceparent


def without_contents(event: EncodedEvent) -> EncodedEvent:
    """The event as spans are made of it: replies and results can be large, and wait for the job's end here."""
    facts = {name: value for name, value in event.payload.items() if name not in agent_spans.CONTENTS}
    return EncodedEvent(event.type, facts, event.ts)


def name_of(view: SpanRead) -> str:
    """The span's name: an operation and what it is done with, never what it is done to."""
    operation = _OPERATIONS.get(view.kind)
    if operation is None:
        return view.kind
    subject = view.attributes.get("model" if view.kind == "llm" else "tool")
    return f"{operation} {_short(subject)}" if isinstance(subject, str) else operation


def attributes_of(view: SpanRead) -> dict[str, Attribute]:
    """Of all that the events say, the numbers and names that the conventions know; no contents."""
    found: dict[str, Attribute] = {"puras.span.kind": view.kind}
    if view.kind in _OPERATIONS:
        found["gen_ai.operation.name"] = _OPERATIONS[view.kind]
    for word, name in _WORDS.get(view.kind, {}).items():
        if isinstance(view.attributes.get(word), str):
            found[name] = _short(view.attributes[word])
    for word, name in _NUMBERS.items():
        value = view.attributes.get(word)
        if isinstance(value, int) and not isinstance(value, bool):
            found[name] = value
    return found


def _short(text: str) -> str:
    return text[:_MAX_CHARACTERS]


def _ended_ns(view: SpanRead, last: datetime) -> int:
    if view.duration_ms is None:
        return _ns(last)
    return _ns(view.started_at) + int(view.duration_ms * 1e6)


def _ns(moment: datetime) -> int:
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000
