"""Derive the spans of a job from its events, on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from backend.execution.events import agent_spans, phase_spans, step_spans
from backend.execution.events.agent_spans import Steps, span_id
from backend.execution.events.append import TERMINAL_TYPES
from backend.execution.events.phase_spans import Installation
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.events.step_spans import DurableSteps

OPENS = {
    "queued": ("queue", "waiting in the queue"),
    "started": ("attempt", "attempt"),
    "function_start": ("function", "function"),
    "waiting": ("waiting", "awaiting approval"),
}
CLOSES = {
    "started": ("queue", "waiting"),
    "waiting": ("function", "attempt"),
    "requeued": ("function", "attempt"),
    **dict.fromkeys(TERMINAL_TYPES, ("function", "attempt", "waiting", "queue", "run")),
}
_PARENT = {
    "queue": "run",
    "waiting": "run",
    "attempt": "run",
    "function": "attempt",
}


@dataclass(slots=True)
class _Open:
    span_id: str
    parent_span_id: str | None
    name: str
    started_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


def fold(job_id: UUID, skill_name: str, events: Iterable[EventRead]) -> list[SpanRead]:
    """Return the spans of the events, children before parents, open ones last."""
    spans: list[SpanRead] = []
    open_spans: dict[str, _Open] = {}
    steps, durable_steps, installation = Steps(job_id), DurableSteps(job_id), Installation(job_id)
    for event in events:
        if not open_spans and not spans:
            root = _Open(span_id(job_id, "run", 1), None, skill_name, event.ts, {"skill": skill_name})
            open_spans["run"] = root
        spans.extend(_within_attempt(event, open_spans, steps, durable_steps))
        spans.extend(_phases(job_id, event, open_spans))
        steps.note(event)
        closing = [kind for kind in CLOSES.get(event.type, ()) if kind in open_spans]
        attempt = open_spans.get("attempt")
        spans.extend(
            installation.add(event, attempt=attempt.span_id if attempt else None, is_end="attempt" in closing)
        )
        if "attempt" in closing:
            spans.extend(steps.failed_call(event, parent=open_spans["attempt"].span_id))
            spans.extend(steps.end(event.ts))
            spans.extend(durable_steps.end(event.ts))
        spans.extend(_view(job_id, kind, open_spans.pop(kind), event) for kind in closing)
        if event.type in OPENS:
            _open(job_id, event, open_spans)
        if event.type == "requeued":
            open_spans["queue"] = _Open(
                span_id(job_id, "queue", event.id),
                span_id(job_id, "run", 1),
                "queued again",
                event.ts,
                dict(event.payload),
            )
    spans.extend(steps.end(None))
    spans.extend(durable_steps.end(None))
    spans.extend(installation.end(None))
    spans.extend(_view(job_id, kind, span, None) for kind, span in reversed(open_spans.items()))
    return _explained(spans)


def _phases(job_id: UUID, event: EventRead, open_spans: dict[str, _Open]) -> list[SpanRead]:
    """Return the spans of the durations that an event reports about the attempt."""
    attempt, run = open_spans.get("attempt"), open_spans.get("run")
    if not event.payload.get("phases") or run is None:
        return []
    if attempt is None:  # the worker, which exports the events of its attempt, traces the attempt itself
        return phase_spans.measured(job_id, event, parent=run.span_id, not_before=None)
    return phase_spans.measured(job_id, event, parent=attempt.span_id, not_before=attempt.started_at)


def _explained(spans: list[SpanRead]) -> list[SpanRead]:
    """Return the spans with those of the gaps, each before its parent."""
    children: dict[str | None, list[SpanRead]] = {}
    for span in spans:
        if span.parent_span_id is not None:
            children.setdefault(span.parent_span_id, []).append(span)
    return [one for span in spans for one in (*phase_spans.gaps(span, children.get(span.span_id, ())), span)]


def _within_attempt(
    event: EventRead, open_spans: dict[str, _Open], steps: Steps, durable_steps: DurableSteps
) -> Iterator[SpanRead]:
    """Return the spans that an event of a function or an agent ends."""
    innermost = next(
        (open_spans[kind].span_id for kind in ("function", "attempt", "run") if kind in open_spans), None
    )
    if event.type in step_spans.COSTS or event.type == step_spans.LOG:
        durable_steps.add_usage(event)
    if event.type in step_spans.TYPES:
        yield from durable_steps.add(event, parent=innermost)
    if event.type in agent_spans.TYPES:
        yield from steps.add(event, parent=durable_steps.running(event) or innermost)


def _open(job_id: UUID, event: EventRead, open_spans: dict[str, _Open]) -> None:
    kind, name = OPENS[event.type]
    parent = open_spans.get(_PARENT[kind], open_spans.get("run"))
    attempt = event.payload.get("attempt")
    if kind == "waiting" and event.payload.get("reason") != "approval":
        name = f"waiting for {event.payload.get('reason')}"
    open_spans[kind] = _Open(
        span_id(job_id, kind, event.id),
        parent.span_id if parent else None,
        f"{name} {attempt}" if attempt else str(event.payload.get("name", name)),
        event.ts,
        dict(event.payload),
    )


def _view(job_id: UUID, kind: str, span: _Open, end: EventRead | None) -> SpanRead:
    attributes = dict(span.attributes)
    if end is not None and end.type in TERMINAL_TYPES:
        attributes["ok"] = end.type == "succeeded"
    return SpanRead(
        trace_id=job_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        kind=kind,
        name=span.name,
        started_at=span.started_at,
        duration_ms=None if end is None else round((end.ts - span.started_at).total_seconds() * 1000, 3),
        attributes=attributes,
    )
