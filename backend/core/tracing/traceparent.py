"""`traceparent` of W3C: the text with which a span of one process becomes the parent of a span of another one."""

from __future__ import annotations

import re
from typing import Final

_SHAPE: Final = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_LENGTH: Final = 55


def checked(line: str) -> str:
    """Return the valid part of the text, without additions of later versions; an empty string if it is not valid."""
    head, rest = line[:_LENGTH], line[_LENGTH:]
    if not _SHAPE.fullmatch(head) or (rest and (head.startswith("00") or not rest.startswith("-"))):
        return ""
    return head


def build(trace_id: int, span_id: int, *, is_sampled: bool) -> str:
    """Return the `traceparent` of a span."""
    return f"00-{trace_id:032x}-{span_id:016x}-{int(is_sampled):02x}"


def trace_id_of(line: str) -> str:
    """Return the trace ID of a valid `traceparent`; an empty string for an empty one."""
    return line[3:35]
