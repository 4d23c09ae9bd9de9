"""Send the events of a job to the runner, as JSON lines on a socket that the runner has opened."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading

_MAX_TEXT_CHARACTERS = 64 * 1024
_MAX_LINE_BYTES = 256 * 1024
_PIECE_BYTES = 32 * 1024  # below the maximum size of one message of a socket
_KINDS = {getattr(socket, "SOCK_SEQPACKET", socket.SOCK_DGRAM), socket.SOCK_DGRAM}
_lock = threading.Lock()


def emit(event: dict[str, object], text: str) -> None:
    """Send one event to the runner, or print the text to stderr without a runner. Never raise an error."""
    descriptor = os.environ.get("PURAS_EVENTS_FD", "")
    if descriptor.isdecimal() and _is_the_runners(int(descriptor)) and _sent(int(descriptor), _line(event)):
        return
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - output of a run without an instance


def shortened(text: object) -> str:
    """Return the value as text, limited to 64 Ki characters."""
    whole = str(text)
    if len(whole) <= _MAX_TEXT_CHARACTERS:
        return whole
    return f"{whole[:_MAX_TEXT_CHARACTERS]}… ({len(whole)} characters)"


def _line(event: dict[str, object]) -> bytes:
    line = _json(event)
    if len(line) > _MAX_LINE_BYTES:
        line = _json({**event, "fields": {"dropped": f"fields of {len(line)} bytes"}})
    return line


def _json(event: dict[str, object]) -> bytes:
    try:
        text = json.dumps(event, default=_plain, allow_nan=False)
    except (ValueError, TypeError, RecursionError):  # NaN, a cycle, or a key that JSON does not allow
        text = json.dumps({**event, "fields": {"unreadable": shortened(event.get("fields"))}})
    return text.encode() + b"\n"


def _plain(value: object) -> str:
    return shortened(value)


def _is_the_runners(descriptor: int) -> bool:
    """Return whether the descriptor is still the socket of the runner, and not a file of a program of the job."""
    try:
        known = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return False
    with known:
        return known.family == getattr(socket, "AF_UNIX", None) and known.type in _KINDS


def _sent(descriptor: int, line: bytes) -> bool:
    try:
        with _lock:
            for start in range(0, len(line), _PIECE_BYTES):
                os.write(descriptor, line[start : start + _PIECE_BYTES])
    except OSError:
        return False
    return True
