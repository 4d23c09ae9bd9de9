"""Fork the processes of an instance: `python -P -m backend.operations.up.fork_server`; see `launcher`.

This process imports the modules of all of them once. Then it only forks: it has one thread, no event loop, no
connection and no settings. Its standard input is a socket to `up`. A request and a reply are JSON after their length; a
request comes with the descriptors for standard input and output. The processes are children of `up`, not of this
process: they do not notice its end, and `up` receives their exit status.
"""

from __future__ import annotations

import gc
import json
import os
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.config import settings
from backend.core.bootstrap import TRY_AGAIN, preload
from backend.core.forks import run_program, threads
from backend.operations.up.parent_death import end_with

LENGTH: Final = struct.Struct("!I")
"""Length of a message, before it."""
DESCRIPTORS: Final = 2
_PID: Final = struct.Struct("!i")


@dataclass(frozen=True, slots=True)
class Start:
    """A request to start a process."""

    entry: str
    """The module of the process: what `python -m` would run."""
    environment: Mapping[str, str]
    parent: int
    """The process ID of `up`."""
    descriptors: Sequence[int]
    """Standard input and output."""


def main() -> int:
    """Import the modules that the first request names, then fork a process for each request until the socket closes."""
    control = _take_control()
    message, _ = _receive(control)
    if message is None:
        return 0
    preload(message["entries"])
    _require_forkable(control)
    gc.disable()  # a collection would write to memory that is shared with the processes
    _reply(control, {"ready": True})
    try:
        request = _serve(control)
    except ConnectionError:  # `up` has ended
        return 0
    control.close()
    return 0 if request is None else _become(request)


def _serve(control: socket.socket) -> Start | None:
    """Fork a process for each request. Return the request in the process, and None here when the socket closes."""
    while True:
        message, descriptors = _receive(control)
        if message is None:
            return None
        try:
            forked = _fork()
        except OSError as error:
            _reply(control, {"errno": error.errno})
        else:
            if forked is None:
                return Start(**message, descriptors=descriptors)
            _reply(control, {"pid": forked.pid})
            forked.release()
        for descriptor in descriptors:
            os.close(descriptor)


def _take_control() -> socket.socket:
    """Return the socket to `up`, which is standard input until then."""
    control = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return control


def _require_forkable(control: socket.socket) -> None:
    """Exit if the imports have left a state that a fork does not copy, or that each process must have for itself."""
    reasons = []
    if (count := threads()) > 1:
        reasons.append(f"{count} threads")
    if others := _open_sockets() - {control.fileno()}:
        reasons.append(f"{len(others)} connections")
    if settings.cache_info().currsize:
        reasons.append("settings")
    if reasons:
        sys.exit(f"puras-studio: the imported modules have started {', '.join(reasons)}; a fork needs none.")


def _open_sockets() -> set[int]:
    """Return the descriptors of sockets, without the standard ones: the output can be the socket of a log collector."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of the folder itself
            if int(link.name) > 2 and str(link.readlink()).startswith("socket:"):
                found.add(int(link.name))
    return found


@dataclass(frozen=True, slots=True)
class _Forked:
    """A forked process, which waits until it is released."""

    pid: int
    gate: int

    def release(self) -> None:
        """Let the process run its program."""
        os.write(self.gate, b"1")
        os.close(self.gate)


def _fork() -> _Forked | None:
    """Fork a process whose parent is the parent of this one, and return it, or None in the process.

    The process is forked from a child of this one that ends immediately. Its parent is then `up`, which adopts
    descendants that lose their parent. The process leads its own session. It ends without its program if this process
    ends before `up` knows it.

    Raises:
        OSError: The system has no resources for another process.
    """
    reports, report = os.pipe()
    gate, opens_gate = os.pipe()
    try:
        between = os.fork()
    except OSError:
        for descriptor in (reports, report, gate, opens_gate):
            os.close(descriptor)
        raise
    if between == 0:
        try:
            if os.fork():
                os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
        os.close(reports)
        os.close(opens_gate)
        os.setsid()
        os.write(report, _PID.pack(os.getpid()))
        os.close(report)
        if not os.read(gate, 1):
            os._exit(TRY_AGAIN)
        os.close(gate)
        return None
    os.close(report)
    os.close(gate)
    packed = os.read(reports, _PID.size)
    os.close(reports)
    _, status = os.waitpid(between, 0)
    if packed:
        return _Forked(_PID.unpack(packed)[0], opens_gate)
    os.close(opens_gate)
    code = max(os.waitstatus_to_exitcode(status), 0)
    raise OSError(code, os.strerror(code))


def _become(request: Start) -> int:
    """Run the program of the request in this process, and return its exit code."""
    end_with(request.parent)
    for target, descriptor in enumerate(request.descriptors):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(request.environment)
    gc.enable()
    return run_program(request.entry)


def _receive(control: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """Return the next request and its descriptors; no request if `up` has closed the socket."""
    head, descriptors, _, _ = socket.recv_fds(control, LENGTH.size, DESCRIPTORS)
    head += _read(control, LENGTH.size - len(head)) if head else b""
    if len(head) < LENGTH.size:
        return None, []
    length = LENGTH.unpack(head)[0]
    body = _read(control, length)
    return (json.loads(body), descriptors) if len(body) == length else (None, [])


def _read(control: socket.socket, size: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < size and (chunk := control.recv(size - len(chunks))):
        chunks += chunk
    return bytes(chunks)


def _reply(control: socket.socket, message: dict[str, Any]) -> None:
    body = json.dumps(message).encode()
    control.sendall(LENGTH.pack(len(body)) + body)


if __name__ == "__main__":
    sys.exit(main())
