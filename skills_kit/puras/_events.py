"""How a job tells what it is doing: JSON lines on a descriptor that the runner has opened for it."""

from __future__ import annotations

import json
import os
import sys
import threading

_MOST_TEXT_CHARACTERS = 64 * 1024
_MOST_LINE_BYTES = 256 * 1024
_lock = threading.Lock()


def emit(event: dict[str, object], spoken: str) -> None:
    """Send one event to the runner; without a runner, print what it says to stderr. Never fails the job."""
    descriptor = os.environ.get("PURAS_EVENTS_FD", "")
    if descriptor.isdecimal() and _sent(int(descriptor), _line(event)):
        return
    print(spoken, file=sys.stderr, flush=True)  # noqa: T201 - a laptop's way to see it


def shortened(text: object) -> str:
    """The text, cut where nobody would read on."""
    whole = str(text)
    if len(whole) <= _MOST_TEXT_CHARACTERS:
        return whole
    return f"{whole[:_MOST_TEXT_CHARACTERS]}… ({len(whole)} characters)"


def _line(event: dict[str, object]) -> bytes:
    line = _json(event)
    if len(line) > _MOST_LINE_BYTES:
        line = _json({**event, "fields": {"dropped": f"fields of {len(line)} bytes"}})
    return line


def _json(event: dict[str, object]) -> bytes:
    try:
        text = json.dumps(event, default=_plain, allow_nan=False)
    except (ValueError, TypeError, RecursionError):  # NaN, a cycle, a key that JSON does not have
        text = json.dumps({**event, "fields": {"unreadable": shortened(event.get("fields"))}})
    return text.encode() + b"\n"


def _plain(value: object) -> str:
    return shortened(value)


def _sent(descriptor: int, line: bytes) -> bool:
    rest = memoryview(line)
    try:
        with _lock:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
    except OSError:
        return False
    return True
