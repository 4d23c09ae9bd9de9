"""The studio displays only fields of events that exist."""

import re
from dataclasses import fields
from pathlib import Path

from backend.execution.events.types import REGISTRY

UI = Path(__file__).parents[3] / "assets" / "ui"
LINE = re.compile(r"^  (\w+): \(p?\) => (.*),$", re.MULTILINE)
OF_TOOLS = {"details"}
"""Fields of a class that are stored as fields of the payload."""


def test_displayed_fields_of_the_log_exist() -> None:
    lines = dict(LINE.findall((UI / "event_text.ts").read_text(encoding="utf-8")))
    assert {"queued", "waiting", "timeout", "tool_result"} <= set(lines)
    for kind, code in lines.items():
        known = {field.name for field in fields(REGISTRY[kind])}
        read = set(re.findall(r"\bp\.(\w+)", code))
        assert read <= known or known & OF_TOOLS, f"{kind} has no {', '.join(sorted(read - known))}"


def test_running_cost_uses_the_used_amount_of_a_call() -> None:
    assert "used_micros" in {field.name for field in fields(REGISTRY["subagent_end"])}
    assert 'type === "subagent_end" ? payload.used_micros' in (UI / "live.tsx").read_text(encoding="utf-8")
