"""Normalize text before it is matched: other alphabets, invisible characters, and common encodings.

Each reading records the positions of its parts in the original text. Other encodings are not recognized.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

MAX_RUNS: Final = 500
"""Maximum encoded parts of one text that are decoded."""
DEPTH: Final = 2
"""Maximum nesting of encodings."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}[ :]?){8,}")
_ESCAPE: Final = re.compile(r"\\+u(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{4}))|\\+x([0-9a-fA-F]{2})")
_ENTITY: Final = re.compile(r"&#?\w{2,10};")
_PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_TAGS: Final = range(0xE0020, 0xE007F)
"""Invisible copies of ASCII."""
_TAG_BLOCK: Final = range(0xE0000, 0xE0080)
"""All tag characters; none is visible."""
_TAG: Final = re.compile("[\U000e0000-\U000e007f]")
_LOOKALIKES: Final = {
    **dict(
        zip("аАвВсСԁеЕԍнНіІјЈкКӏмМոоОрРԛѕЅтТхХуУѵԝ", "aABBcCdeEGHHiIjJkKlMMnoOpPqsStTxXyYvw", strict=True)
    ),
    **dict(zip("αΑΒϲΕεΗιΙΚκΜΝνοΟρΡτΤυΥΧχΖγ", "aABcEeHiIKkMNvoOpPtTuYXxZy", strict=True)),
    **dict(zip("ıɩǀǃɑɡʟօսհցⅼ∣", "iil!aglouhgll", strict=True)),
    **dict(zip("ℓ℮ⅿ∕⁄․‚ꓸ", "lem//.,.", strict=True)),
}


@dataclass(slots=True)
class Reading:
    """One normalized form of a text."""

    text: str
    source: str | None = None
    """The text of which these are the normalized characters; None: all of them are at `span`, or the text is
    unchanged."""
    span: tuple[int, int] | None = None
    table: Mapping[int, str] = field(default_factory=lambda: _PLAIN)
    """The normalization from the characters of `source` to these."""
    _places: list[int] = field(default_factory=list)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return the position of a part of the reading in the original text."""
        if self.span is not None:
            return self.span
        if self.source is None:
            return start, end
        if not self._places:
            self._places = [place for place, one in enumerate(self.source) for _ in one.translate(self.table)]
        return self._places[start], self._places[end - 1] + 1


class _Plain(dict[int, str]):
    """The plain form of each character, computed once."""

    def __init__(self, *, has_tags: bool) -> None:
        super().__init__()
        self._has_tags = has_tags

    def __missing__(self, code: int) -> str:
        one = self[code] = "" if code in _TAG_BLOCK and not self._has_tags else _plain(code)
        return one


_PLAIN: Final[_Plain] = _Plain(has_tags=True)
_WITHOUT_TAGS: Final[_Plain] = _Plain(has_tags=False)


def _tables(text: str) -> tuple[_Plain, ...]:
    """Return the normalizations of a text.

    One reads tag characters as the ASCII that they encode, the other removes them.
    """
    return (_WITHOUT_TAGS, _PLAIN) if _TAG.search(text) else (_PLAIN,)


def readings(text: str) -> Iterator[Reading]:
    """Yield the text unchanged, in plain characters, and its decoded parts."""
    yield Reading(text)
    if not text.isascii():
        for table in _tables(text):
            yield Reading(text.translate(table), source=text, table=table)
    for span, decoded in _decoded(text):
        for inner in _inner(decoded, DEPTH):
            yield Reading(inner, span=span)


def _inner(text: str, depth: int) -> Iterator[str]:
    yield text
    if not text.isascii():
        for table in _tables(text):
            yield text.translate(table)
    if depth > 1:
        for _, decoded in _decoded(text):
            yield from _inner(decoded, depth - 1)


def _decoded(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the decoded parts of a text, each with its position."""
    whole = (0, len(text))
    for mark, decode in ((_PERCENT, unquote), (_ENTITY, html.unescape), (_ESCAPE, _unescaped)):
        if mark.search(text) is not None and (decoded := decode(text)) != text:
            yield whole, decoded
    for pattern, decode_run in ((_BASE64, _from_base64), (_HEX, _from_hex)):
        for count, found in enumerate(pattern.finditer(text)):
            if count >= MAX_RUNS:
                break
            decoded_run = decode_run(found.group())
            if decoded_run:
                yield found.span(), decoded_run


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _character(int(found[1] or found[2] or found[3], 16)), text)


def _character(code: int) -> str:
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd"


def _from_base64(run: str) -> str:
    plain = run.rstrip("=").translate({ord("-"): "+", ord("_"): "/"})
    try:
        return _printable(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    except binascii.Error:
        return ""


def _from_hex(run: str) -> str:
    return _printable(bytes.fromhex(run.replace(":", "")))


def _printable(content: bytes) -> str:
    """Return bytes decoded as text; empty if they are not text."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return ""
    visible = text if text.isascii() else text.translate(_WITHOUT_TAGS)
    return text if visible and all(one.isprintable() or one in "\r\n\t" for one in visible) else ""


def _plain(code: int) -> str:
    if code in _TAGS:
        return chr(code - 0xE0000)
    out = []
    for part in unicodedata.normalize("NFKD", chr(code)):
        part = _LOOKALIKES.get(part, part)
        kind = unicodedata.category(part)
        if kind == "Nd":
            out.append(str(unicodedata.digit(part)))
        elif kind == "Pd" or part == "\u2212":
            out.append("-")
        elif kind not in ("Cf", "Mn", "Me") and part not in "\u115f\u1160\u3164\uffa0\u2800":
            out.append(part)
    return "".join(out)
