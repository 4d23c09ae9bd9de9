"""The formats of amounts, sizes, durations and sample inputs on the pages."""

from __future__ import annotations

import json
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SAMPLES: dict[str, Any] = {
    "string": "…",
    "text": "…",
    "number": 1,
    "integer": 1,
    "boolean": True,
    "array": [],
    "object": {},
    "color": "#4f46c4",
    "image": {"drive_path": "uploads/photo.jpg"},
    "video": {"drive_path": "uploads/clip.mp4"},
    "audio": {"drive_path": "uploads/voice.mp3"},
    "file": {"drive_path": "uploads/report.pdf"},
}


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its name; UTC for an empty or unknown one."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def moment(at: datetime, zone: str) -> str:
    """Return a time in the time zone of a user, such as `2026-11-30 06:00 CET`."""
    return f"{at.astimezone(zone_of(zone)):%Y-%m-%d %H:%M %Z}"


def usd(micros: int) -> str:
    """Return an amount such as `$0.0612`; amounts below one cent are exact, such as `$0.001234`."""
    if micros == 0:
        return "$0"
    magnitude = abs(micros)
    places = 2 if magnitude >= 1_000_000 else 4 if magnitude % 100 == 0 or magnitude >= 10_000 else 6
    return f"{'-' if micros < 0 else ''}${magnitude / 1e6:,.{places}f}"


def size(size_bytes: int) -> str:
    """Return a size such as `412 KB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.3g} {unit}"
    return f"{size_bytes} B"


def duration(seconds: float) -> str:
    """Return a duration such as `72 ms`, `5.44 s` or `1 m 07 s`."""
    if seconds < 1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} m {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} m"


def sample_inputs(input_schema: dict[str, Any], examples: list[dict[str, Any]]) -> str:
    """Return valid inputs of a skill as JSON: its first example, or a value for each required field."""
    if examples:
        return json.dumps(examples[0])
    properties: dict[str, Any] = input_schema.get("properties", {})
    wanted = input_schema.get("required", list(properties)[:2])
    return json.dumps({name: _sample(properties.get(name, {})) for name in wanted})


def _sample(schema: dict[str, Any]) -> Any:
    if "default" in schema:
        return schema["default"]
    if schema.get("enum"):
        return schema["enum"][0]
    return _SAMPLES.get(str(schema.get("type")), "…")
