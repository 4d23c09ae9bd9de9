"""Spans of agents have the attributes of the GenAI conventions, and no contents of messages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from backend.execution.events.otel_spans import attributes_of, span_name
from backend.execution.events.schemas import SpanRead

PRIVATE = "the text of the user"


def view(kind: str, **attributes: Any) -> SpanRead:
    return SpanRead(
        trace_id=uuid4(),
        span_id="0" * 16,
        parent_span_id=None,
        kind=kind,
        name=f"{kind} {PRIVATE}",
        started_at=datetime.now(UTC),
        duration_ms=1.0,
        attributes=attributes,
    )


def test_model_call_is_a_chat_span_with_its_tokens() -> None:
    call = view(
        "llm",
        provider="anthropic",
        model="a-model",
        step=2,
        input_tokens=10,
        output_tokens=5,
        cache_read_input_tokens=7,
        content=[{"text": PRIVATE}],
        stop_reason="end_turn",
    )
    assert span_name(call) == "chat a-model"
    assert attributes_of(call) == {
        "puras.span.kind": "llm",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "a-model",
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 7,
        "puras.step": 2,
    }


def test_tool_call_span_names_the_tool_without_its_inputs() -> None:
    call = view("tool", tool="search", tool_use_id="t1", input={"q": PRIVATE}, preview=PRIVATE)
    assert span_name(call) == "execute_tool search"
    assert attributes_of(call) == {
        "puras.span.kind": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "t1",
    }


@pytest.mark.parametrize("kind", ["llm", "tool", "step", "function", "something new"])
@pytest.mark.parametrize("value", [PRIVATE, [PRIVATE], {"a": PRIVATE}, None, True, 1.5, "x" * 100_000])
def test_values_from_events_are_limited(kind: str, value: Any) -> None:
    odd = view(kind, tool=value, model=value, input_tokens=value, name=value, text=PRIVATE)
    assert len(span_name(odd)) < 250
    assert all(len(str(one)) <= 200 for one in attributes_of(odd).values())
    if kind not in ("llm", "tool"):
        assert PRIVATE not in span_name(odd) + str(attributes_of(odd))
