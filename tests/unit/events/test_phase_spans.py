"""The time of an attempt in which no code of the skill runs is explained by spans."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.events.spans import fold

JOB = UUID(int=7)
START = datetime(2026, 1, 31, 9, tzinfo=UTC)


def events(*described: tuple[float, str, dict[str, Any]]) -> list[EventRead]:
    return [
        EventRead(id=number, job_id=JOB, ts=START + timedelta(milliseconds=at), type=kind, payload=payload)
        for number, (at, kind, payload) in enumerate(described, start=1)
    ]


def periods(spans: list[SpanRead]) -> dict[str, tuple[float, float]]:
    """Return the start and the duration of each phase in milliseconds."""
    return {
        span.name: ((span.started_at - START).total_seconds() * 1000, span.duration_ms or 0.0)
        for span in spans
        if span.kind == "phase"
    }


def test_durations_of_an_event_lie_before_it_in_the_order_of_the_parts() -> None:
    found = fold(
        JOB,
        "count",
        events(
            (0, "queued", {}),
            (100, "started", {"attempt": 1}),
            (1100, "function_start", {"phases": {"sandbox": 300, "load": 200, "packages": 500}}),
            (1500, "succeeded", {"phases": {"store": 150}}),
        ),
    )
    assert periods(found) == {
        "load environment": (100, 200),
        "install packages": (300, 500),
        "prepare sandbox": (800, 300),
        "store files": (1350, 150),
    }
    (attempt,) = [span for span in found if span.kind == "attempt"]
    assert {span.parent_span_id for span in found if span.kind == "phase"} == {attempt.span_id}


def test_model_call_that_fails_with_the_job_has_a_span() -> None:
    found = fold(
        JOB,
        "sum",
        events(
            (0, "queued", {}),
            (10, "started", {"attempt": 1}),
            (20, "agent_start", {"model": "m"}),
            (500, "model_response", {"step": 1, "model": "m", "duration_ms": 480}),
            (510, "tool_use", {"name": "look", "tool_use_id": "a"}),
            (530, "tool_result", {"tool_use_id": "a", "ok": True}),
            (1100, "failed", {"code": "model_refused"}),
        ),
    )
    assert periods(found) == {}
    failed = [span for span in found if span.kind == "llm"][-1]
    assert ((failed.started_at - START).total_seconds(), failed.duration_ms) == (0.53, 570)
    assert failed.attributes == {"step": 2, "model": "m", "code": "model_refused", "ok": False}


def test_no_duration_starts_before_its_attempt() -> None:
    found = fold(
        JOB,
        "count",
        events((0, "queued", {}), (100, "started", {}), (200, "function_start", {"phases": {"load": 900}})),
    )
    assert periods(found) == {"load environment": (100, 100)}


def test_gaps_without_a_reported_duration_have_spans_unless_they_are_short() -> None:
    found = fold(
        JOB,
        "sum",
        events(
            (0, "queued", {}),
            (10, "started", {"attempt": 1}),
            (500, "model_response", {"step": 1, "model": "m", "duration_ms": 400}),
            (520, "tool_use", {"name": "look", "tool_use_id": "a"}),
            (700, "tool_result", {"tool_use_id": "a", "ok": True}),
            (1000, "model_response", {"step": 2, "model": "m", "duration_ms": 290}),
            (1100, "failed", {"code": "timeout"}),
        ),
    )
    assert periods(found) == {"prepare": (10, 90), "end the step": (1000, 100)}
