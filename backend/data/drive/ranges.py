"""Parts of a file, as the `Range` header asks for them."""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


class Part(NamedTuple):
    """Some bytes of a file, one after the other."""

    start: int
    length: int


class UnsatisfiableRangeError(Exception):
    """The range begins behind the end of the file."""


def parse(header: str | None, size_bytes: int) -> Part | None:
    """The part that is asked for; none when all of it is, or in a form that need not be understood.

    Raises:
        UnsatisfiableRangeError: it begins behind the end of the file.
    """
    found = _ONE_RANGE.fullmatch(header or "")
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size_bytes)
        return _checked(Part(size_bytes - length, length))
    if last and int(last) < int(first):
        return None
    end = min(int(last) + 1, size_bytes) if last else size_bytes
    return _checked(Part(int(first), end - int(first)))


def _checked(part: Part) -> Part:
    if part.length <= 0:
        raise UnsatisfiableRangeError
    return part
