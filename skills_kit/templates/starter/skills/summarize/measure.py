"""Facts about a text that a language model should not guess."""

from __future__ import annotations

WORDS_PER_MINUTE = 230


def measure(text: str) -> dict[str, float]:
    """Count the words, and say how long they take to read."""
    words = len(text.split())
    return {"words": words, "reading_minutes": round(words / WORDS_PER_MINUTE, 1)}
