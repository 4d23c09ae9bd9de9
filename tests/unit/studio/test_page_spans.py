"""The timeline of a page derives the same spans from the events of a job as the API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args
from uuid import UUID

import pytest

from backend.core.release_files import ROOT
from backend.execution.events import spans
from backend.execution.events.schemas import EventRead
from backend.execution.events.types import JobEvent
from tests.unit.studio.page_module import run_module

JOB: Final = UUID(int=7)
STARTED_AT: Final = datetime(2026, 1, 31, 9, tzinfo=UTC)
SCRIPT: Final = """
const { spansOf } = await import(process.argv[1]);
const spans = spansOf(JSON.parse(await Bun.stdin.text()), "triage");
const kinds = new Map(spans.map((span) => [span.id, span.kind]));
const result = spans.map((span) => ({ ...span, parent: kinds.get(span.parent) ?? null }));
console.log(JSON.stringify(result));
"""


def call(name: str, use: str, step: int) -> tuple[str, dict[str, Any]]:
    return "tool_use", {"step": step, "name": name, "tool_use_id": use, "input": {}}


def result(name: str, use: str, step: int, **fields: Any) -> tuple[str, dict[str, Any]]:
    return "tool_result", {
        "step": step,
        "tool": name,
        "tool_use_id": use,
        "ok": True,
        "preview": "",
        **fields,
    }


def reply(step: int, billed_micros: int) -> tuple[str, dict[str, Any]]:
    tokens = {"input_tokens": 10, "output_tokens": 5}
    return "model_response", {
        "step": step,
        "model": "claude/haiku-4-5",
        "duration_ms": 40.0,
        "billed_micros": billed_micros,
        **tokens,
    }


def durable(
    event: str, name: str, position: int, *, branch: str = "", kind: str = "step", **fields: Any
) -> tuple[str, dict[str, Any]]:
    return event, {"name": name, "kind": kind, "branch": branch, "position": position, **fields}


STARTED = ("started", {"attempt": 1, "worker": "w"})
HISTORIES: Final[dict[str, list[tuple[str, dict[str, Any]]]]] = {
    "a function": [
        ("queued", {"skill": "triage", "source": "api"}),
        STARTED,
        ("environment", {"log": "Installed 1 package"}),
        ("function_start", {"name": "run", "module": "main", "func": "run"}),
        ("log", {"stream": "stdout", "text": "hello"}),
        ("succeeded", {}),
    ],
    "an agent that asks a person": [
        ("queued", {"skill": "triage"}),
        STARTED,
        ("agent_start", {"model": "claude/haiku-4-5"}),
        reply(1, 30),
        call("lookup", "a", 1),
        call("note", "b", 1),
        result("lookup", "a", 1, billed_micros=12),
        result("note", "b", 1),
        reply(2, 20),
        call("refund", "c", 2),
        ("waiting", {"reason": "approval"}),
        ("started", {"attempt": 2, "worker": "w"}),
        ("resumed", {"from_step": 2}),
        ("tool_started", {"tool": "refund", "tool_use_id": "c", "step": 2}),
        result("refund", "c", 2),
        reply(3, 10),
        ("succeeded", {"steps": 3}),
    ],
    "a function of durable steps": [
        ("queued", {"skill": "triage"}),
        STARTED,
        ("function_start", {"name": "run", "module": "main", "func": "run"}),
        durable("step_started", "load", 1),
        durable("step_finished", "load", 1, status="finished", duration_ms=90.0),
        durable("step_started", "send", 1, branch="1.0"),
        durable("step_started", "sleep", 1, branch="1.1", kind="sleep"),
        durable("step_finished", "send", 1, branch="1.0", status="failed", duration_ms=50.0),
        ("waiting", {"reason": "sleep", "approvals": 0}),
        ("started", {"attempt": 2, "worker": "w"}),
        ("function_start", {"name": "run", "module": "main", "func": "run"}),
        ("resumed", {"from_step": 2}),
        durable(
            "step_finished", "sleep", 1, branch="1.1", kind="sleep", status="finished", duration_ms=300.0
        ),
        durable("step_started", "last", 2),
        ("succeeded", {}),
    ],
    "a worker that was lost": [
        ("queued", {"skill": "triage"}),
        STARTED,
        reply(1, 30),
        call("lookup", "a", 1),
        ("requeued", {"reason": "worker lost"}),
        ("started", {"attempt": 2, "worker": "v"}),
        ("failed", {"error": "The worker process was lost.", "code": "worker_lost"}),
    ],
    "measured parts": [
        ("queued", {"skill": "triage"}),
        STARTED,
        ("environment", {"log": "Installed 1 package"}),
        ("agent_start", {"model": "m", "phases": {"packages": 60.0, "load": 20.0, "tools": 15.0}}),
        reply(1, 30),
        call("lookup", "a", 1),
        result("lookup", "a", 1),
        ("failed", {"code": "model_overloaded", "phases": {"store": 12.0}}),
    ],
    "an installation that runs": [("queued", {"skill": "triage"}), STARTED, ("environment", {"log": "…"})],
    "one that still runs": [("queued", {"skill": "triage"}), STARTED, reply(1, 30), call("lookup", "a", 1)],
}

IN_BRANCHES: Final = [
    ("queued", {"skill": "triage"}),
    STARTED,
    ("function_start", {"name": "run", "module": "main", "func": "run"}),
    durable("step_started", "ask", 1, branch="1.0"),
    durable("step_started", "draw", 1, branch="1.1"),
    ("subagent_start", {"label": "x", "job_id": "j", "skill": "x", "depth": 1, "durable_step": "1.0:1"}),
    ("log", {"stream": "log", "text": "drawing", "durable_step": "1.1:1"}),
    ("web", {"verb": "search", "count": 1, "billed_micros": 40, "durable_step": "1.1:1"}),
    (
        "subagent_end",
        {"job_id": "j", "skill": "x", "status": "succeeded", "used_micros": 9, "duration_ms": 9.0},
    ),
    durable("step_finished", "draw", 1, branch="1.1", status="finished", duration_ms=90.0),
    ("log", {"stream": "stdout", "text": "asking"}),
    durable("step_finished", "ask", 1, branch="1.0", status="finished", duration_ms=90.0),
    ("succeeded", {}),
]


def events_of(history: list[tuple[str, dict[str, Any]]]) -> list[EventRead]:
    return [
        EventRead(
            id=seq, job_id=JOB, ts=STARTED_AT + timedelta(milliseconds=100 * seq), type=kind, payload=payload
        )
        for seq, (kind, payload) in enumerate(history, start=1)
    ]


def in_the_browser(events: list[EventRead]) -> list[dict[str, Any]]:
    events_json = [event.model_dump(mode="json") for event in events]
    spans_of_page: list[dict[str, Any]] = run_module("spans.ts", SCRIPT, events_json)
    return spans_of_page


@pytest.mark.parametrize("name", HISTORIES)
def test_page_and_api_have_the_same_spans(name: str) -> None:
    events = events_of(HISTORIES[name])
    of_api = spans.fold(JOB, "triage", events)
    kinds = {span.span_id: span.kind for span in of_api}
    expected = [
        (
            span.kind,
            kinds.get(span.parent_span_id or ""),
            round(span.started_at.timestamp() * 1000),
            None
            if span.duration_ms is None
            else round(span.started_at.timestamp() * 1000 + span.duration_ms),
        )
        for span in of_api
    ]
    drawn = [
        (span["kind"], span["parent"], round(span["start"]), span["end"] and round(span["end"]))
        for span in in_the_browser(events)
        if span["kind"] != "ghost"
    ]
    assert sorted(drawn, key=str) == sorted(expected, key=str)


def test_spans_are_derived_from_existing_events_only() -> None:
    known = {kind.type for kind in get_args(JobEvent)}
    assert {*spans.OPENS, *spans.CLOSES} <= known
    source = (ROOT / "assets/ui/spans.ts").read_text(encoding="utf-8")
    of_page = {
        key
        for name in ("OPENS", "CLOSES", "READS")
        for key in re.findall(r"^  (\w+)[:(]", _object(source, name), flags=re.MULTILINE)
    }
    assert {"queued", "waiting", "model_response"} <= of_page
    assert of_page <= known


def _object(source: str, name: str) -> str:
    _, _, after = source.partition(f"const {name}: ")
    return after.partition(" = {\n")[2].partition("\n};")[0]


def test_cost_of_a_span_includes_its_children() -> None:
    (run, *_) = in_the_browser(events_of(HISTORIES["an agent that asks a person"]))
    assert (run["cost"], run["tokens"]) == (30 + 12 + 20 + 10, 45)


def test_failed_attempt_names_its_error_code() -> None:
    attempts = [
        span
        for span in in_the_browser(events_of(HISTORIES["a worker that was lost"]))
        if span["kind"] == "attempt"
    ]
    assert [span["state"] for span in attempts] == ["lost", "failed"]
    assert attempts[1]["hint"] == "worker_lost"


def test_replayed_steps_have_no_cost() -> None:
    (ghost,) = [
        span
        for span in in_the_browser(events_of(HISTORIES["an agent that asks a person"]))
        if span["kind"] == "ghost"
    ]
    assert (ghost["name"], ghost["cost"], ghost["state"]) == ("Steps 1–2", 0, "replayed")


def test_steps_in_branches_have_their_own_costs_and_logs() -> None:
    events = events_of(IN_BRANCHES)
    steps = {
        one.name: one.attributes for one in spans.fold(JOB, "triage", events) if one.kind == "durable_step"
    }
    assert {name: (one["billed_micros"], one["log_events"]) for name, one in steps.items()} == {
        "ask": (9, 1),
        "draw": (40, 1),
    }
    shown = {one["name"]: one for one in in_the_browser(events) if one["kind"] == "durable_step"}
    assert {name: (one["cost"], one["logs"]) for name, one in shown.items()} == {
        "ask": (9, [11]),
        "draw": (40, [7]),
    }
