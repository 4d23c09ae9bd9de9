"""The spans of an agent's run: steps, and in each the call of the model and the calls of tools that it asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from backend.execution.events.schemas import EventRead, SpanRead

CALLED: Final = frozenset({"subagent_start", "subagent_end"})
TYPES: Final = frozenset({"model_response", "tool_use", "tool_started", "tool_result"}) | CALLED
"""The events that tell of them."""
CONTENTS: Final = frozenset({"blocks", "input", "preview", "todos", "media"})
"""What those events hold beside facts: a span has none of it."""


@dataclass(slots=True)
class _Open:
    kind: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_at: datetime
    attributes: dict[str, Any] = field(default_factory=dict)


class Steps:
    """Folds an agent's events into spans, children before parents."""

    def __init__(self, job_id: UUID) -> None:
        self._job_id = job_id
        self._step: _Open | None = None
        self._tools: dict[str, _Open] = {}
        self._called: dict[str, _Open] = {}

    def take(self, event: EventRead, *, parent: str | None) -> Iterator[SpanRead]:
        """The spans that the event ends; a step lies in the span `parent`."""
        if event.type == "model_response":
            yield from self._replied(event, parent)
        elif event.type in CALLED:
            yield from self._call(event, parent)
        elif event.type in ("tool_use", "tool_started"):
            self._begin(event, parent)
        else:
            tool = self._tools.pop(str(event.payload.get("tool_use_id")), None)
            if tool is not None:
                tool.attributes |= _facts(event)
                yield self._view(tool, event.ts)

    def end(self, at: datetime | None) -> Iterator[SpanRead]:
        """What is still open, ended at a moment; none: it still lasts."""
        for span in (*self._called.values(), *self._tools.values()):
            yield self._view(span, at)
        self._called.clear()
        self._tools.clear()
        if self._step is not None:
            yield self._view(self._step, at)
        self._step = None

    def _replied(self, event: EventRead, parent: str | None) -> Iterator[SpanRead]:
        facts = _facts(event)
        began = event.ts - timedelta(milliseconds=float(facts.pop("duration_ms", 0.0)))
        yield from self.end(began)
        number = facts.get("step", 0)
        step_id = span_id(self._job_id, "step", event.id)
        self._step = _Open("step", step_id, parent, f"step {number}", began, {"step": number})
        llm = _Open(
            "llm", span_id(self._job_id, "llm", event.id), step_id, str(facts.get("model")), began, facts
        )
        yield self._view(llm, event.ts)

    def _begin(self, event: EventRead, parent: str | None) -> None:
        """A call begins when it is asked for, or later when it had to wait for another one."""
        call = str(event.payload.get("tool_use_id"))
        name = str(event.payload.get("name") or event.payload.get("tool"))
        known = self._tools.get(call)
        if known is not None:
            known.started_at = event.ts
            return
        within = (
            self._step.span_id if self._step else parent
        )  # a call that a later attempt makes again has no step
        facts = {**_facts(event), "tool": name}
        self._tools[call] = _Open(
            "tool", span_id(self._job_id, "tool", event.id), within, name, event.ts, facts
        )

    def _call(self, event: EventRead, parent: str | None) -> Iterator[SpanRead]:
        """A job that was called lies in the call of the tool, or in the function, that called it."""
        facts, called = dict(event.payload), str(event.payload.get("job_id"))
        began = event.ts - timedelta(milliseconds=float(facts.pop("duration_ms", 0.0)))
        within = self._tools.get(str(facts.get("tool_use_id")))
        span = self._called.pop(called, None) or _Open(
            "subagent",
            span_id(self._job_id, "subagent", event.id),
            within.span_id if within else parent,
            str(facts.get("skill")),
            began,
        )
        span.attributes |= facts
        if event.type == "subagent_start":
            self._called[called] = span
            return
        span.attributes["ok"] = facts.get("status") == "succeeded"
        yield self._view(span, event.ts)

    def _view(self, span: _Open, ended_at: datetime | None) -> SpanRead:
        lasted = None if ended_at is None else max(timedelta(), ended_at - span.started_at)
        return SpanRead(
            trace_id=self._job_id,
            span_id=span.span_id,
            parent_span_id=span.parent_span_id,
            kind=span.kind,
            name=span.name,
            started_at=span.started_at,
            duration_ms=None if lasted is None else round(lasted.total_seconds() * 1000, 3),
            attributes=span.attributes,
        )


def span_id(job_id: UUID, kind: str, seq: int) -> str:
    """The id of the span that the job's event of that number opens; the same whenever it is asked for."""
    return hashlib.sha256(f"{job_id}:{kind}:{seq}".encode()).hexdigest()[:16]


def _facts(event: EventRead) -> dict[str, Any]:
    return {name: value for name, value in event.payload.items() if name not in CONTENTS}
