"""Grade answers to customers."""

from __future__ import annotations

from typing import Any

MAX_WORDS = 80


def short(inputs: dict[str, Any], output: dict[str, Any]) -> dict[str, Any]:
    """Check that the answer is short enough to be read."""
    words = len(str(output.get("answer", "")).split())
    return {
        "score": min(1.0, MAX_WORDS / max(1, words)),
        "passed": 0 < words <= MAX_WORDS,
        "detail": f"{words} words",
    }
