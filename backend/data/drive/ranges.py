"""Parse the `Range` header."""

from __future__ import annotations

import re
from typing import NamedTuple

_RANGE = re.compile(r"bytes=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*")


class Part(NamedTuple):
    """A contiguous range of bytes."""

    start: int
    length: int


class UnsatisfiableRangeError(Exception):
    """The range starts after the end of the file."""


def parse(header: str | None, size_bytes: int) -> Part | None:
    """Return the requested part. None: the header requests the whole file, or has a form that servers may ignore.

    Raises:
        UnsatisfiableRangeError: The range starts after the end of the file.
    """
    found = _RANGE.fullmatch(header or "")
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
