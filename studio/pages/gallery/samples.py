"""Sample data for the components of the gallery."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from backend.execution.jobs.queue_reason import reason_summary

REASONS: Final = {
    "queued": reason_summary("workers_busy", "default"),
    "running": "attempt 2",
    "failed": "KeyError: 'total'",
    "cancelled": "by ada@example.org",
}
MICROS: Final = (0, 7, 61_200, 2_500_000, 1_234_567_890, -50_000)
SECONDS: Final = (0.072, 5.44, 42.0, 67.0, 7_500.0)
BYTES: Final = (0, 999, 412_000, 5_000_000, 21_500_000_000)
TIMES: Final = {
    "now": timedelta(),
    "some time ago": timedelta(minutes=-17),
    "days ago": timedelta(days=-9),
    "in the future": timedelta(minutes=30),
}
VALUE: Final = {
    "title": "Owls",
    "count": 3,
    "ready": True,
    "color": "#5048c8",
    "tags": ["night", "birds"],
    "none": None,
}
VALUE_SCHEMA: Final = {"properties": {"color": {"type": "color"}, "title": {"title": "Custom title"}}}
FORM: Final = {
    "type": "object",
    "required": ["name", "count"],
    "properties": {
        "name": {"type": "string", "description": "A short text."},
        "story": {"type": "text", "description": "A long text."},
        "count": {"type": "integer", "minimum": 0, "maximum": 60},
        "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
        "loud": {"type": "boolean", "description": "Print in upper case."},
        "color": {"type": "color"},
        "photo": {"type": "image"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "owner": {"type": "object", "properties": {"mail": {"type": "string", "format": "email"}}},
    },
}
SPANS: Final = [
    ("run", None, "run", "research", 0, 4_200, 61_200, ""),
    ("queue", "run", "queue", "Queued", 0, 300, None, ""),
    ("lost", "run", "attempt", "Attempt 1", 300, 1_100, None, "lost"),
    ("attempt", "run", "attempt", "Attempt 2", 1_200, 4_200, 61_200, ""),
    ("old", "attempt", "llm", "Model reply", 1_200, 1_220, 0, "replayed"),
    ("reply", "attempt", "llm", "Model reply", 1_300, 2_600, 48_000, ""),
    ("tool", "attempt", "tool", "web_search", 2_600, 3_100, 13_200, "failed"),
    ("approval", "attempt", "waiting", "Awaiting approval", 3_100, 3_600, None, ""),
    ("code", "attempt", "function", "Function", 3_600, None, None, ""),
]
_BEFORE: Final = "\n".join(
    ["name: greet", "model: claude/haiku-4-5", *(f"# line {number}" for number in range(3, 25)), "retries: 1"]
)
_AFTER: Final = _BEFORE.replace("haiku-4-5", "opus-4-8").replace("retries: 1", "retries: 3\ntimeout_s: 60")
DIFFERENCES: Final = [
    ("A changed file", _BEFORE, _AFTER),
    ("A new file", None, "Greet the person.\nBe brief.\n"),
    ("A deleted file", "Greet the person.\n", None),
    ("An unchanged file", _BEFORE, _BEFORE),
]
