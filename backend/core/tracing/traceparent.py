"""`traceparent`, the one line by which a span in one process becomes the parent of a span in another (W3C)."""

from __future__ import annotations

import re
from typing import Final

_SHAPE: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LENGTH: Final = 55


def checked(line: str) -> str:
    """Return the line when it is one, else nothing; what a later version of it may append is cut off."""
    head, rest = line[:_LENGTH], line[_LENGTH:]
    if not _SHAPE.fullmatch(head) or (rest and (head.startswith("00") or not rest.startswith("-"))):
        return ""
    return head


def made(trace_id: int, span_id: int, *, is_sampled: bool) -> str:
    """Return the line of a span."""
    return f"00-{trace_id:032x}-{span_id:016x}-{int(is_sampled):02x}"


def trace_id_of(line: str) -> str:
    """Return the trace of a checked line; nothing of nothing."""
    return line[3:35]
