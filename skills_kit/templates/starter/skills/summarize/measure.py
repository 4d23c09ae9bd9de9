"""Measure a text, since a language model cannot count reliably."""

from __future__ import annotations

WORDS_PER_MINUTE = 230


def measure(text: str) -> dict[str, float]:
    """Return the number of words and the reading time."""
    words = len(text.split())
    return {"words": words, "reading_minutes": round(words / WORDS_PER_MINUTE, 1)}
