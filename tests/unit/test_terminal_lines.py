"""Check how the command `puras` prints events and spans."""

from __future__ import annotations

from typing import Any

import pytest
from puras.cli import printing, waterfall


@pytest.mark.parametrize(
    ("kind", "payload", "line"),
    [
        ("log", {"text": "counted 1", "stream": "stdout"}, "log  counted 1"),
        ("tool_use", {"name": "measure", "input": {"text": "owl"}}, 'tool_use  measure  {"text": "owl"}'),
        ("tool_result", {"ok": True, "preview": "4 words"}, "tool_result  4 words"),
        ("model_response", {"blocks": [{"type": "text", "text": "I look."}]}, "model_response  I look."),
        ("started", {"attempt": 1}, 'started  {"attempt": 1}'),
        ("log", {"text": "\x1b[2J\x07gone\nnext"}, "log   [2J gone next"),
        ("log", {"text": "x" * 500}, f"log  {'x' * 199}…"),
    ],
)  # fmt: skip
def test_an_event_is_one_line_without_control_characters(
    kind: str, payload: dict[str, Any], line: str
) -> None:
    fact = {"ts": "2026-05-01T12:30:59Z", "type": kind, "payload": payload}
    assert printing.event(fact) == f"12:30:59  {line}"


def span(name: str, parent: str | None, start_s: float, duration_ms: float | None) -> dict[str, Any]:
    return {
        "span_id": name,
        "parent_span_id": parent,
        "kind": name,
        "name": name,
        "started_at": f"2026-05-01T12:00:{start_s:09.6f}+00:00",
        "duration_ms": duration_ms,
        "attributes": {"ok": True},
    }


def test_spans_are_drawn_as_a_tree_with_their_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    spans = [span("llm", "step", 5, 5_000), span("step", "run", 0, 10_000), span("run", None, 0, 10_000)]
    lines = list(waterfall.lines([*spans, span("orphan", "gone", 9, None)]))
    assert [line.split()[0] for line in lines] == ["run", "step", "llm", "orphan"]
    assert lines[2].startswith("    llm")
    whole, half = lines[0].count("█"), lines[2].count("█")
    assert half == whole // 2
    assert lines[3].rstrip().endswith("…")
    assert list(waterfall.lines([])) == ["The job has no spans yet."]


def test_spans_without_a_root_are_drawn_as_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    circle = [span("tool", "llm", 5, 1_000), span("llm", "tool", 2, 3_000), span("step", "step", 0, None)]
    assert _labels(circle) == ["step", "llm", "  tool"]
    assert _labels([span("run", None, 0, 9_000), *circle]) == ["run", "step", "llm", "  tool"]


def _labels(spans: list[dict[str, Any]]) -> list[str]:
    return [line[: len(line) - len(line.lstrip())] + line.split()[0] for line in waterfall.lines(spans)]
