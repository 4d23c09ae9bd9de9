"""Derive the spans of an agent's run: steps, and in each the call of the model and the tool calls that it requests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from backend.execution.events.schemas import EventRead, SpanRead

SUBAGENT_TYPES: Final = frozenset({"subagent_start", "subagent_end"})
TYPES: Final = frozenset({"model_response", "tool_use", "tool_started", "tool_result"}) | SUBAGENT_TYPES
"""The types of events that the spans are derived from."""
CALLS_MODEL_AFTER: Final = frozenset({"agent_start", "resumed", "model_response", "tool_result"})
"""Types of events after which an agent calls its model."""
_MODEL_FAILURES: Final = ("model_", "prompt_too_long", "context_full")
"""Starts of the error codes of a model call without a reply."""
CONTENTS: Final = frozenset({"blocks", "input", "preview", "todos", "media"})
"""Keys with content. Spans do not have them."""


@dataclass(slots=True)
class _Open:
    kind: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


class Steps:
    """Derives spans from the events of an agent, children before parents."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._step: _Open | None = None
        self._tools: dict[str, _Open] = {}
        self._called: dict[str, _Open] = {}
        self._model, self._number = "model", 0
        self._ready_at: datetime | None = None
        """When the agent could call its model."""

    def note(self, event: EventRead) -> None:
        """Note what the next call of the model is, for one that fails and has no event."""
        if event.type not in CALLS_MODEL_AFTER:
            return
        self._ready_at = event.ts
        if event.type in ("agent_start", "model_response"):
            self._model = str(event.payload.get("model") or self._model)
            self._number = int(event.payload.get("step") or 0)

    def failed_call(self, event: EventRead, *, parent: str) -> Iterator[SpanRead]:
        """Return the span of the model call that failed with the job, if one did."""
        code = str(event.payload.get("code") or "")
        if event.type != "failed" or self._ready_at is None or not code.startswith(_MODEL_FAILURES):
            return
        yield from self.end(self._ready_at)
        attributes = {"step": self._number + 1, "model": self._model, "code": code, "ok": False}
        identity = span_id(self._job_id, "llm", event.id)
        yield self._view(_Open("llm", identity, parent, self._model, self._ready_at, attributes), event.ts)

    def add(self, event: EventRead, *, parent: str | None) -> Iterator[SpanRead]:
        """Process an event and return the spans that it ends. Steps are children of the span `parent`."""
        if event.type == "model_response":
            yield from self._replied(event, parent)
        elif event.type in SUBAGENT_TYPES:
            yield from self._call(event, parent)
        elif event.type in ("tool_use", "tool_started"):
            self._tool_called(event, parent)
        else:
            tool = self._tools.pop(str(event.payload.get("tool_use_id")), None)
            if tool is not None:
                tool.attributes |= _fields(event)
                yield self._view(tool, event.ts)

    def end(self, at: datetime | None) -> Iterator[SpanRead]:
        """Return the open spans, ended at a time; None: they have not ended."""
        for span in (*self._called.values(), *self._tools.values()):
            yield self._view(span, at)
        self._called.clear()
        self._tools.clear()
        if self._step is not None:
            yield self._view(self._step, at)
        self._step = None

    def _replied(self, event: EventRead, parent: str | None) -> Iterator[SpanRead]:
        fields = _fields(event)
        started_at = event.ts - timedelta(milliseconds=float(fields.pop("duration_ms", 0.0)))
        yield from self.end(started_at)
        number = fields.get("step", 0)
        step_id = span_id(self._job_id, "step", event.id)
        self._step = _Open("step", step_id, parent, f"step {number}", started_at, {"step": number})
        llm = _Open(
            "llm",
            span_id(self._job_id, "llm", event.id),
            step_id,
            str(fields.get("model")),
            started_at,
            fields,
        )
        yield self._view(llm, event.ts)

    def _tool_called(self, event: EventRead, parent: str | None) -> None:
        """Open the span of a tool call at its request, or at its start if it had to wait for another call."""
        call = str(event.payload.get("tool_use_id"))
        name = str(event.payload.get("name") or event.payload.get("tool"))
        open_span = self._tools.get(call)
        if open_span is not None:
            open_span.started_at = event.ts
            return
        parent_span = (
            self._step.span_id if self._step else parent
        )  # a call that a later attempt makes again has no step
        fields = {**_fields(event), "tool": name}
        self._tools[call] = _Open(
            "tool", span_id(self._job_id, "tool", event.id), parent_span, name, event.ts, fields
        )

    def _call(self, event: EventRead, parent: str | None) -> Iterator[SpanRead]:
        """Open or end the span of a subjob, a child of the tool call or the function that called it."""
        fields, job_id = dict(event.payload), str(event.payload.get("job_id"))
        started_at = event.ts - timedelta(milliseconds=float(fields.pop("duration_ms", 0.0)))
        parent_span = self._tools.get(str(fields.get("tool_use_id")))
        span = self._called.pop(job_id, None) or _Open(
            "subagent",
            span_id(self._job_id, "subagent", event.id),
            parent_span.span_id if parent_span else parent,
            str(fields.get("skill")),
            started_at,
        )
        span.attributes |= fields
        if event.type == "subagent_start":
            self._called[job_id] = span
            return
        span.attributes["ok"] = fields.get("status") == "succeeded"
        yield self._view(span, event.ts)

    def _view(self, span: _Open, ended_at: datetime | None) -> SpanRead:
        duration = None if ended_at is None else max(timedelta(), ended_at - span.started_at)
        return SpanRead(
            trace_id=self._job_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            kind=span.kind,
            name=span.name,
            started_at=span.started_at,
            duration_ms=None if duration is None else round(duration.total_seconds() * 1000, 3),
            attributes=span.attributes,
        )


def span_id(job_id: UUID, kind: str, seq: int) -> str:
    """Return the ID of the span that an event opens. It is always the same for the same event."""
    return hashlib.sha256(f"{job_id}:{kind}:{seq}".encode()).hexdigest()[:16]


def _fields(event: EventRead) -> dict[str, Any]:
    return {name: value for name, value in event.payload.items() if name not in CONTENTS}
