"""Shorten the values of a response: long texts are cut, and the data of files are replaced by their size."""

from __future__ import annotations

from typing import Any, Final

MAX_TEXT_CHARACTERS: Final = 16_000
"""Maximum length of one text."""
LEAST_TEXT_CHARACTERS: Final = 400
"""The length to which texts are cut once the response is full."""
MAX_CHARACTERS: Final = 400_000
"""Maximum length of all texts together, after which each is cut further."""


class Cutter:
    """Shortens texts, and counts the characters that it omits."""

    def __init__(self) -> None:
        self.omitted = 0
        """Omitted characters."""
        self._remaining = MAX_CHARACTERS

    def text(self, text: str) -> str:
        """Return the start of a text, with a note of what is omitted."""
        limit = min(MAX_TEXT_CHARACTERS, max(LEAST_TEXT_CHARACTERS, self._remaining))
        self._remaining -= min(len(text), limit)
        more = len(text) - limit
        if more <= 0:
            return text
        self.omitted += more
        return f"{text[:limit]}… ({more:,} more characters)"

    def value(self, value: Any) -> Any:
        """Return a JSON value with shortened texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(one) for one in value]
        if not isinstance(value, dict):
            return value
        if value.get("type") == "base64" and isinstance(value.get("data"), str):
            return {**value, "data": self._size_of(value["data"])}
        return {name: self.value(one) for name, one in value.items()}

    def _size_of(self, data: str) -> str:
        self.omitted += len(data)
        return f"({len(data) * 3 // 4:,} bytes)"
