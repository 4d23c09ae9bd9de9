"""Match untrusted regular expressions in linear time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Protocol

import re2  # type: ignore[import-untyped]  # the package ships no types

MAX_PATTERN: Final = 1_000
_MAX_COMPILED_BYTES: Final = 1 << 20
_UNICODE_ESCAPE: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u([0-9a-fA-F]{4})")


class Matcher(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> Any:
        """Return a match anywhere in the text, or None."""

    def finditer(self, text: str) -> Any:
        """Yield every match, from left to right."""


class PatternRefusedError(ValueError):
    """The pattern cannot be used; the message says why."""


@lru_cache(maxsize=4_096)
def compiled(pattern: str) -> Matcher:
    """Return the compiled pattern, which matches in linear time.

    Raises:
        PatternRefusedError: it is too long, not a regular expression, or needs backtracking.
    """
    if len(pattern) > MAX_PATTERN:
        raise PatternRefusedError(f"it is longer than {MAX_PATTERN} characters")
    options = re2.Options()
    options.max_mem = _MAX_COMPILED_BYTES
    options.log_errors = False
    try:
        matcher: Matcher = re2.compile(_UNICODE_ESCAPE.sub(r"\1\\x{\2}", pattern), options)
    except (re2.error, UnicodeError) as error:
        raise PatternRefusedError(_reason(error)) from error
    return matcher


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if "invalid perl operator" in text or "escape sequence" in text:
        return f"{text} (look-around and back-references are not supported: their run time has no limit)"
    return text
