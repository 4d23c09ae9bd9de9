"""Find what one guardrail matches in a value.

The result contains the number of matches of each kind and their positions, not their text. Each string, key
and number of a value is matched separately. A match cannot extend over several of them.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from backend.skills.guardrails.normalization import readings
from backend.skills.guardrails.pii import FINDERS
from backend.skills.manifest.types import Rail
from backend.skills.schemas.patterns import compiled
from backend.skills.schemas.schema_dialect import to_json_schema
from backend.skills.schemas.validator import Validator

HIDDEN: Final = "[redacted]"
MAX_CHARACTERS: Final = 1_000_000
"""Maximum of all texts of a value together: longer ones are not evaluated."""
MAX_CPU_S: Final = 3.0
"""Maximum matches of one guardrail in one value."""
_LOOK_EVERY: Final = 256
MAX_DEPTH: Final = 200

Find = Callable[[str], Iterator[tuple[int, int]]]
Matched = dict[str, int]
"""The number of matches by kind."""


class CannotJudgeError(Exception):
    """The value is too large or too deeply nested to be evaluated."""


class _Span(NamedTuple):
    start: int
    end: int
    kind: str


class Examined(NamedTuple):
    """The matches of a guardrail in a value, and the value without them."""

    matched: Matched
    value: Any


class _Clock:
    """Limits the CPU time of an evaluation in its thread, regardless of the load of the host."""

    def __init__(self) -> None:
        self._ends = time.thread_time() + MAX_CPU_S

    def check(self) -> None:
        if time.thread_time() > self._ends:
            raise CannotJudgeError(f"it takes longer than {MAX_CPU_S:g} s")


class Matcher:
    """Finds the matches of one guardrail."""

    def __init__(self, rail: Rail) -> None:
        self._finders: list[tuple[str, Find]] = []
        if rail.pattern:
            self._finders.append(("pattern", _by_pattern(rail.pattern)))
        if rail.words:
            self._finders.append(("words", _by_words(rail.words)))
        for kind in rail.pii:
            self._finders += [(kind, find) for find in FINDERS[kind]]
        self._validator = (
            None if rail.expected_schema is None else Validator(to_json_schema(rail.expected_schema))
        )

    def examine(self, value: Any) -> Examined:
        """Return the matches in the value, and the value without them.

        Raises:
            CannotJudgeError: it is too large or too deep, or takes too long.
        """
        found: Counter[str] = Counter()
        left = value
        if self._validator is not None and next(iter(self._validator.errors(value)), None) is not None:
            found["schema"] = 1
        if self._finders:
            _measure(value)
            left = self._left(value, found, _Clock())
        return Examined(dict(found), left)

    def _left(self, value: Any, found: Counter[str], clock: _Clock) -> Any:
        if isinstance(value, str):
            return self._left_of_text(value, found, clock)
        if isinstance(value, dict):
            kept: dict[Any, Any] = {}
            for name, inner in value.items():
                key = self._left_of_text(name, found, clock) if isinstance(name, str) else name
                while key in kept:
                    key = f"{key}'"
                kept[key] = self._left(inner, found, clock)
            return kept
        if isinstance(value, list | tuple):
            return [self._left(inner, found, clock) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            written = _number(value)
            return value if self._left_of_text(written, found, clock) == written else HIDDEN
        return value

    def _left_of_text(self, text: str, found: Counter[str], clock: _Clock) -> str:
        parts, at = [], 0
        for span in self._spans(text, clock):
            found[span.kind] += 1
            if span.end <= at:
                continue
            if span.start >= at:
                parts += [text[at : span.start], HIDDEN]
            at = span.end
        return "".join([*parts, text[at:]]) if parts else text

    def _spans(self, text: str, clock: _Clock) -> Iterator[_Span]:
        """Return the matches in a text, from left to right.

        Overlapping matches of several readings count once.
        """
        found: set[_Span] = set()
        for reading in readings(text):
            for kind, find in self._finders:
                clock.check()
                for count, (start, end) in enumerate(find(reading.text)):
                    if end > start:
                        found.add(_Span(*reading.place(start, end), kind))
                    if count % _LOOK_EVERY == 0:
                        clock.check()
        last: dict[str, int] = {}
        for span in sorted(found, key=lambda one: (one.start, -one.end)):
            if span.start >= last.get(span.kind, 0):
                last[span.kind] = span.end
                yield span


@lru_cache(maxsize=512)
def matcher_of(rail: Rail) -> Matcher:
    """Return the compiled matcher of a guardrail."""
    return Matcher(rail)


def _measure(value: Any) -> None:
    """Reject a value that is too large or too deeply nested, before it is matched."""
    left, waiting = MAX_CHARACTERS, [(value, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise CannotJudgeError(f"it is nested deeper than {MAX_DEPTH} levels")
        if isinstance(inner, str):
            left -= len(inner)
        elif isinstance(inner, dict):
            left -= sum(len(name) for name in inner if isinstance(name, str))
            waiting += [(one, depth + 1) for one in inner.values()]
        elif isinstance(inner, list | tuple):
            waiting += [(one, depth + 1) for one in inner]
        if left < 0:
            raise CannotJudgeError(f"it has more than {MAX_CHARACTERS:,} characters")


def _number(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 10_000:
        return ""  # Python cannot format huge integers; a schema rejects them
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _by_pattern(pattern: str) -> Find:
    matcher = compiled(pattern)

    def find(text: str) -> Iterator[tuple[int, int]]:
        for found in matcher.finditer(text):
            yield found.span()

    return find


def _by_words(words: tuple[str, ...]) -> Find:
    """Find whole words in any case; a space between two of them matches any whitespace."""
    wanted = [
        re.compile(r"\s+".join(map(re.escape, parts))) for word in words if (parts := word.lower().split())
    ]

    def find(text: str) -> Iterator[tuple[int, int]]:
        lowered = "".join(
            one if len(one) == 1 else was for was, one in zip(text, map(str.lower, text), strict=True)
        )
        for word in wanted:
            found = word.search(lowered)
            while found is not None:
                if _is_whole(lowered, *found.span()):
                    yield found.span()
                found = word.search(lowered, found.start() + 1)

    return find


def _is_whole(text: str, start: int, end: int) -> bool:
    before = start > 0 and text[start].isalnum() and text[start - 1].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not before and not after
