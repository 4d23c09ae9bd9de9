"""Takes secrets out of what people get to see: events, logs, errors, exports.

A secret is recognised as it is and in the forms in which programs pass it on: base64 at any offset of a longer text,
percent-encoded, as JSON or Python writes it, hexadecimal. One regular expression finds the first characters of any
form, and only there the form itself is compared, so long secrets cost no more than short ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, overload

from backend.data.secrets.encodings import forms_of

HIDDEN = "[secret]"
MIN_SECRET_CHARACTERS = 8
"""Shorter values are words of any text: hiding those would make logs unreadable."""
_SURE_CHARACTERS = 256  # of a long form: when these match, it is the secret, however much of it follows
_LEAST_NUMBER = 10 ** (MIN_SECRET_CHARACTERS - 1)

Value = TypeVar("Value")


class Scrubbed(NamedTuple):
    """A piece of a text that goes on."""

    shown: str
    """What can be shown by now."""
    held: str
    """Its end, which may be the beginning of a secret."""


class Scrubber:
    """Hides the given secrets, in text and in JSON values."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Recognise these values and their forms; those shorter than 8 characters are left alone."""
        self._forms = _recognised(frozenset(secrets))

    def __repr__(self) -> str:
        return "Scrubber(…)"

    @overload
    def scrub(self, value: str) -> str: ...

    @overload
    def scrub(self, value: Value) -> Value: ...

    def scrub(self, value: Any) -> Any:
        """The same text or JSON value without the secrets; what it was given is not changed."""
        if self._forms is None:
            return value
        box: list[Any] = [value]
        rest: list[tuple[Any, Any]] = [(box, 0)]
        while rest:  # a loop, since the JSON of a stranger may be nested deeper than Python calls
            holder, key = rest.pop()
            holder[key] = scrubbed = self._shallow(holder[key])
            if isinstance(scrubbed, dict):
                rest.extend((scrubbed, name) for name in scrubbed)
            elif isinstance(scrubbed, list):
                rest.extend((scrubbed, index) for index in range(len(scrubbed)))
        return box[0]

    def stream(self) -> StreamScrubber:
        """For one text that comes in pieces: a secret that is cut in two is still found."""
        return StreamScrubber(self)

    def piece(self, text: str, *, is_last: bool) -> Scrubbed:
        """Scrub a piece of a text; nothing is held when it is the last."""
        if self._forms is None:
            return Scrubbed(text, "")
        shown: list[str] = []
        at = 0
        for found in self._forms.found_in(text, is_last=is_last):
            shown.append(text[at : found.start])
            if found.is_cut_off:
                return Scrubbed("".join(shown), text[found.start :])
            shown.append(HIDDEN)
            at = found.end
        end = len(text) - (0 if is_last else self._forms.unfinished_end(text[at:]))
        shown.append(text[at:end])
        return Scrubbed("".join(shown), text[end:])

    def _text(self, text: str) -> str:
        return self.piece(text, is_last=True).shown

    def _shallow(self, value: Any) -> Any:
        """A copy whose own text is scrubbed; the parts in it are not, yet."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {self._text(name) if isinstance(name, str) else name: part for name, part in value.items()}
        if isinstance(value, (list, tuple)):
            return list(value)
        if isinstance(value, int) and not -_LEAST_NUMBER < value < _LEAST_NUMBER:
            return self._number(value)
        return value

    def _number(self, value: int) -> int | str:
        text = hex(value) if value.bit_length() > 10_000 else str(value)  # Python refuses to write huge ones
        scrubbed = self._text(text)
        return value if scrubbed == text else scrubbed


class StreamScrubber:
    """Scrubs one text that comes in pieces."""

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be shown by now; the rest comes with the next piece or with `end`."""
        shown, self._held = self._scrubber.piece(self._held + piece, is_last=False)
        return shown

    def end(self) -> str:
        """What was held back, now that nothing follows it."""
        shown, self._held = self._scrubber.piece(self._held, is_last=True)
        return shown


class _Found(NamedTuple):
    start: int
    end: int
    is_cut_off: bool
    """The text ends within it, so that more of it may follow."""


class _Forms:
    """All forms of some secrets, found by their first characters."""

    def __init__(self, forms: set[str]) -> None:
        self._by_start: dict[str, list[str]] = {}
        for form in forms:
            self._by_start.setdefault(form[:MIN_SECRET_CHARACTERS], []).append(form)
        self._starts = _any_of(self._by_start)
        self._unfinished = {start[:length] for start in self._by_start for length in range(1, len(start))}

    def found_in(self, text: str, *, is_last: bool) -> Iterator[_Found]:
        """Where the forms are, from left to right; nothing comes behind one that is cut off."""
        start_found = self._starts.search(text)
        while start_found:
            found = self._at(text, start_found.start(), is_last=is_last)
            if found:
                yield found
                if found.is_cut_off:
                    return
            start_found = self._starts.search(text, found.end if found else start_found.start() + 1)

    def unfinished_end(self, text: str) -> int:
        """How many characters at the end may begin a form, with too few of them there to tell."""
        lengths = range(min(MIN_SECRET_CHARACTERS - 1, len(text)), 0, -1)
        return next((length for length in lengths if text[-length:] in self._unfinished), 0)

    def _at(self, text: str, start: int, *, is_last: bool) -> _Found | None:
        """The longest of the forms that begin here: they may agree far into a long secret before they part."""
        longest: _Found | None = None
        for form in self._by_start[text[start : start + MIN_SECRET_CHARACTERS]]:
            length = _common_length(form, text, start)
            is_cut_off = not is_last and start + length == len(text) and length < len(form)
            is_form = is_cut_off or length >= min(len(form), _SURE_CHARACTERS)
            if is_form and (longest is None or is_cut_off or start + length > longest.end):
                longest = _Found(start, start + length, is_cut_off)
        return longest


@lru_cache(maxsize=128)  # a job's secrets seldom differ from those of the job before it
def _recognised(secrets: frozenset[str]) -> _Forms | None:
    forms = {form for secret in secrets for form in forms_of(secret, MIN_SECRET_CHARACTERS)}
    return _Forms(forms) if forms else None


def _common_length(form: str, text: str, start: int) -> int:
    """How many characters of the form stand in the text from `start` on; 0 when it is not even a likely match."""
    sure = form[: min(_SURE_CHARACTERS, len(text) - start)]
    if not text.startswith(sure, start):
        return 0
    least, most = len(sure), min(len(form), len(text) - start)
    while least < most:
        middle = (least + most + 1) // 2
        if text.startswith(form[len(sure) : middle], start + len(sure)):
            least = middle
        else:
            most = middle - 1
    return least


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """An expression that finds any of the words (all of one length), sharing their common beginnings."""
    return re.compile(_branches(sorted(words)))


def _branches(words: list[str]) -> str:
    if len(words) == 1:
        return re.escape(words[0])
    by_first: dict[str, list[str]] = {}
    for word in words:
        by_first.setdefault(word[0], []).append(word[1:])
    return "(?:" + "|".join(re.escape(first) + _branches(rest) for first, rest in by_first.items()) + ")"
