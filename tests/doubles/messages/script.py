"""The responses of the double: replies as blocks, and errors."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Block = dict[str, Any]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Says:
    """A reply that is streamed event by event."""

    blocks: tuple[Block, ...]
    stop_reason: str
    input_tokens: int | None = None
    """None: a quarter of the characters of the request."""
    output_tokens: int | None = None
    """None: a quarter of the characters of the blocks."""
    cache_write: int = 0
    cache_write_1h: int = 0
    """The part of `cache_write` that is cached for an hour."""
    cache_read: int = 0
    cleared_tokens: int = 0
    """Tokens of old tool results that context management removed."""
    cut_after: int | None = None
    """The connection drops after this number of events."""
    error_after: int | None = None
    """After this number of events, an `error` event replaces all others."""
    error_type: str = "overloaded_error"
    hold_after: int | None = None
    """After this number of events, the stream waits for `release`."""
    release: threading.Event = field(default_factory=threading.Event)
    pause_s: float = 0.0
    """The delay between two events, for benchmarks and manual use; tests use `hold_after` and `release`."""

    def but(self, **changes: Any) -> Says:
        """Return the same reply with other tokens or faults."""
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Refuses:
    """An HTTP error in the form of the API."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Says | Refuses


def says(*blocks: Block | str, stop_reason: str | None = None, **fields: Any) -> Says:
    """Return a reply of these blocks; strings are text. A tool call sets the matching stop reason."""
    converted = tuple(
        {"type": "text", "text": block} if isinstance(block, str) else block for block in blocks
    )
    calls_tool = any(block["type"] == "tool_use" for block in converted)
    return Says(converted, stop_reason or ("tool_use" if calls_tool else "end_turn"), **fields)


def calls(name: str, /, *, tool_use_id: str | None = None, **arguments: Any) -> Block:
    """Return a tool call."""
    return {
        "type": "tool_use",
        "id": tool_use_id or f"toolu_{next(_numbers):06d}",
        "name": name,
        "input": arguments,
    }


def thinks(text: str, signature: str = "c2lnbmVk") -> Block:
    """Return a thinking block with its signature."""
    return {"type": "thinking", "thinking": text, "signature": signature}


def refuses(status: int, message: str = "", *, retry_after: str | None = None, **headers: str) -> Refuses:
    """Return an error with the type that the API uses for this status."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if retry_after is not None:
        sent["retry-after"] = retry_after
    return Refuses(status, _TYPES.get(status, "api_error"), message or f"refused with {status}", sent)


_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
