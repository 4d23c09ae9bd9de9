"""Redact secrets in everything that users can see: events, logs, errors, exports.

A secret is recognized in plain form and in the forms in which programs pass it on: base64 at any offset of a longer
text, percent-encoded, as JSON or Python writes it, hexadecimal. One regular expression finds the first characters of
any form, and only there the whole form is compared, so that long secrets cost no more than short ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, overload

from backend.data.secrets.encodings import forms_of

HIDDEN = "[secret]"
MIN_SECRET_CHARACTERS = 8
"""Shorter values are common words: redacting those would make logs unreadable."""
_DECISIVE_CHARACTERS = 256
"""If these characters of a long form match, it is the secret, however much of it follows."""
_MIN_NUMBER = 10 ** (MIN_SECRET_CHARACTERS - 1)

Value = TypeVar("Value")


class Scrubbed(NamedTuple):
    """A piece of a text that continues."""

    shown: str
    """The redacted part, which can be shown now."""
    held_back: str
    """The end of the piece, which may be the start of a secret."""


class Scrubber:
    """Redacts secrets in text and in JSON values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Recognize these values and their forms; values of fewer than 8 characters are ignored."""
        self._forms = _forms_of_secrets(frozenset(secrets))

    def __repr__(self) -> str:
        return "Scrubber(…)"

    @overload
    def scrub(self, value: str) -> str: ...

    @overload
    def scrub(self, value: Value) -> Value: ...

    def scrub(self, value: Any) -> Any:
        """Return a copy of the text or JSON value without the secrets."""
        if self._forms is None:
            return value
        root: list[Any] = [value]
        pending: list[tuple[Any, Any]] = [(root, 0)]
        while pending:  # a loop, since untrusted JSON may be nested deeper than Python's recursion limit
            container, key = pending.pop()
            container[key] = scrubbed = self._shallow(container[key])
            if isinstance(scrubbed, dict):
                pending.extend((scrubbed, name) for name in scrubbed)
            elif isinstance(scrubbed, list):
                pending.extend((scrubbed, index) for index in range(len(scrubbed)))
        return root[0]

    def stream(self) -> StreamScrubber:
        """Return a scrubber for one text in pieces, which finds secrets across their boundaries."""
        return StreamScrubber(self)

    def piece(self, text: str, *, is_last: bool) -> Scrubbed:
        """Redact a piece of a text; nothing is held back if it is the last."""
        if self._forms is None:
            return Scrubbed(text, "")
        shown: list[str] = []
        position = 0
        for found in self._forms.found_in(text, is_last=is_last):
            shown.append(text[position : found.start])
            if found.is_cut_off:
                return Scrubbed("".join(shown), text[found.start :])
            shown.append(HIDDEN)
            position = found.end
        end = len(text) - (0 if is_last else self._forms.unfinished_end(text[position:]))
        shown.append(text[position:end])
        return Scrubbed("".join(shown), text[end:])

    def _text(self, text: str) -> str:
        return self.piece(text, is_last=True).shown

    def _shallow(self, value: Any) -> Any:
        """Return a copy whose own text is redacted, but not its parts."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(name) if isinstance(name, str) else name: part for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return list(value)
        if isinstance(value, int) and not -_MIN_NUMBER < value < _MIN_NUMBER:
            return self._number(value)
        return value

    def _number(self, value: int) -> int | str:
        # Python does not write huge numbers in decimal.
        text = hex(value) if value.bit_length() > 10_000 else str(value)
        scrubbed = self._text(text)
        return value if scrubbed == text else scrubbed


class StreamScrubber:
    """Redacts one text in pieces."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._held_back = ""

    def feed(self, piece: str) -> str:
        """Return what can be shown now; the rest follows with the next piece or with `end`."""
        shown, self._held_back = self._scrubber.piece(self._held_back + piece, is_last=False)
        return shown

    def end(self) -> str:
        """Return what was held back, since nothing follows it."""
        shown, self._held_back = self._scrubber.piece(self._held_back, is_last=True)
        return shown


class _Found(NamedTuple):
    start: int
    end: int
    is_cut_off: bool
    """The text ends within it, so that more of it may follow."""


class _Forms:
    """All forms of some secrets, indexed by their first characters."""

    def __init__(self, forms: set[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        for form in forms:
            self._by_start.setdefault(form[:MIN_SECRET_CHARACTERS], []).append(form)
        self._starts = _any_of(self._by_start)
        self._unfinished = {start[:length] for start in self._by_start for length in range(1, len(start))}

    def found_in(self, text: str, *, is_last: bool) -> Iterator[_Found]:
        """Return the forms in the text from left to right; a form that is cut off is the last."""
        start_found = self._starts.search(text)
        while start_found:
            found = self._at(text, start_found.start(), is_last=is_last)
            if found:
                yield found
                if found.is_cut_off:
                    return
            start_found = self._starts.search(text, found.end if found else start_found.start() + 1)

    def unfinished_end(self, text: str) -> int:
        """Return how many characters at the end may be the start of a form that is too short to decide."""
        lengths = range(min(MIN_SECRET_CHARACTERS - 1, len(text)), 0, -1)
        return next((length for length in lengths if text[-length:] in self._unfinished), 0)

    def _at(self, text: str, start: int, *, is_last: bool) -> _Found | None:
        """Return the longest of the forms that start here, since long secrets may have a long common prefix."""
        longest: _Found | None = None
        for form in self._by_start[text[start : start + MIN_SECRET_CHARACTERS]]:
            length = _common_length(form, text, start)
            is_cut_off = not is_last and start + length == len(text) and length < len(form)
            is_form = is_cut_off or length >= min(len(form), _DECISIVE_CHARACTERS)
            if is_form and (longest is None or is_cut_off or start + length > longest.end):
                longest = _Found(start, start + length, is_cut_off)
        return longest


@lru_cache(maxsize=128)  # consecutive jobs mostly have the same secrets
def _forms_of_secrets(secrets: frozenset[str]) -> _Forms | None:
    forms = {form for secret in secrets for form in forms_of(secret, MIN_SECRET_CHARACTERS)}
    return _Forms(forms) if forms else None


def _common_length(form: str, text: str, start: int) -> int:
    """Return how many characters of the form are in the text from `start` on; 0 if the decisive part differs."""
    decisive_part = form[: min(_DECISIVE_CHARACTERS, len(text) - start)]
    if not text.startswith(decisive_part, start):
        return 0
    low, high = len(decisive_part), min(len(form), len(text) - start)
    while low < high:
        middle = (low + high + 1) // 2
        if text.startswith(form[len(decisive_part) : middle], start + len(decisive_part)):
            low = middle
        else:
            high = middle - 1
    return low


def _any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches any of the texts of equal length, and that shares their common prefixes."""
    return re.compile(_branches(sorted(texts)))


def _branches(texts: list[str]) -> str:
    if len(texts) == 1:
        return re.escape(texts[0])
    by_first: dict[str, list[str]] = {}
    for value in texts:
        by_first.setdefault(value[0], []).append(value[1:])
    return (
        "(?:" + "|".join(re.escape(first) + _branches(suffixes) for first, suffixes in by_first.items()) + ")"
    )
