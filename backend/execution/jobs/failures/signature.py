"""Derive the signature of an error: two failures for the same reason have the same one.

It consists of the skill, the error code, the message without the parts that differ from run to run, and the place in
the code of the skill. Versions, environments and line numbers are not part of it, so that an edit elsewhere in the
file does not make an error a new one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

MAX_READ: Final = 2_000
"""Characters of a message that count, so that a long message costs little at the end of a job."""
MAX_MESSAGE: Final = 300
MAX_FRAME: Final = 300
LENGTH: Final = 16
"""Hexadecimal digits of a signature."""

_INVISIBLE: Final = re.compile(
    r"[\x00-\x20\x7f-\xa0\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ud800-\udfff]+"
)
_COLORS: Final = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_PART: Final = r"[\w.@+~%-]{1,100}"
# In this order: a URL contains a path, and a time contains numbers. Every repetition is limited, so that no message can
# make the search slow.
_RULES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s'\"`<>)\]}]{1,1000}", "<url>"),
        (r"(?<!\w)'(?:\\.|[^'\\]){0,1000}'(?!\w)", "<value>"),
        (r'(?<!\w)"(?:\\.|[^"\\]){0,1000}"(?!\w)', "<value>"),
        (r"`[^`]{0,1000}`", "<value>"),
        (r"[“‘«][^”’»]{0,1000}[”’»]", "<value>"),
        (r"(?<!\w)['\"][^'\"]{0,1000}$", "<value>"),  # the message was cut within it
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}", "<email>"),
        (r"\b[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}\b", "<id>"),
        (
            r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?\b",
            "<time>",
        ),
        (r"\b\d{1,2}:\d\d(?::\d\d)?(?:\.\d{1,9})?\b", "<time>"),
        (r"\b0[xX][0-9A-Fa-f]{1,64}\b", "<hex>"),
        (rf"(?<![\w./<])(?:~|\.\.?|[A-Za-z]:)?(?:[/\\]{_PART}){{1,40}}[/\\]?", "<path>"),
        (rf"(?<![\w./<]){_PART}(?:/{_PART}){{1,40}}\.\w{{1,8}}\b", "<path>"),
        (r"(?<![\w./<])[\w-]{1,100}(?:/[\w-]{1,100}){2,40}/?", "<path>"),
        (r"(?<![\w.])[-+]?\d(?:[\d_]|,\d){0,60}(?:\.\d{1,60})?(?:[eE][-+]?\d{1,4})?(?!\w)", "<n>"),
        (r"\b(?=[A-Fa-f]{0,64}\d)[0-9A-Fa-f]{8,128}\b", "<n>"),  # a hash may consist of digits only
        (r"\b(?=[A-Za-z_-]{0,40}\d)(?=[\d_-]{0,40}[A-Za-z])[\w-]{12,128}\b", "<id>"),
        (r"\d(?:[\d_]|,\d){0,60}(?:\.\d{1,60})?", "<n>"),
        (r"<(n|value|id|hex|path)>(?:(?:, ?| ?: ?|; ?)<(?:n|value|id|hex|path)>){1,500}", r"<\1>…"),
    )
)
_FRAME: Final = re.compile(
    r'^\s{0,200}File "([^"\n]{1,300})", line \d{1,9}, in ([^\n]{1,200})$', re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Signature:
    """What failures for the same reason have in common."""

    key: str
    """A hash of the rest, by which jobs are found."""
    error_code: str
    message: str
    """The message with `<n>`, `<value>` and the like instead of what differs from run to run."""
    frame: str
    """The innermost place in the code of the skill, `main.py in run`; empty if no code of the skill failed."""


def signature_of(*, skill: str, error_code: str | None, error: str | None, frame: str = "") -> Signature:
    """Return the signature of the error of a job."""
    message, code = normalized(error or ""), error_code or ""
    place = _INVISIBLE.sub(" ", frame)[:MAX_FRAME]
    parts = "\0".join((skill, code, message, place))
    key = sha256(parts.encode("utf-8", "replace")).hexdigest()[:LENGTH]
    return Signature(key, code, message[:MAX_MESSAGE], place)


def normalized(message: str) -> str:
    """Return a message without IDs, numbers, times, paths, URLs, addresses, hexadecimal and quoted values."""
    text = _INVISIBLE.sub(" ", _COLORS.sub("", message[:MAX_READ])).strip()
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def innermost_frame(trace: str) -> str:
    """Return the last frame of a traceback that contains only frames of the skill; empty if it has none."""
    found = _FRAME.findall(trace)
    return f"{found[-1][0]} in {found[-1][1]}" if found else ""
