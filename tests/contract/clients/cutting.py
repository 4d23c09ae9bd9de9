"""A way to a server that breaks where it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

CHUNK_BYTES = 64 * 1024
Way = Literal["request", "answer"]


class Cut(NamedTuple):
    """Where the line breaks: behind so many bytes of what goes one way."""

    way: Way
    at: int


@dataclass
class CutLine:
    """Hands bytes on both ways; the next connections break at the cuts that are planned, one each; None: whole."""

    server_port: int
    cuts: list[Cut | None] = field(default_factory=list)
    passed: list[dict[str, int]] = field(default_factory=list)
    """Bytes of the request and of the answer that each connection has let through."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def address(self) -> str:
        """Where clients go to."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            cut = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=self._carry, args=(near, cut), daemon=True).start()

    def _carry(self, near: socket.socket, cut: Cut | None) -> None:
        passed = {"request": 0, "answer": 0}
        self.passed.append(passed)
        with near, socket.create_connection(("127.0.0.1", self.server_port)) as far:
            pumps = [
                threading.Thread(target=_pump, args=(near, far, "request", cut, passed), daemon=True),
                threading.Thread(target=_pump, args=(far, near, "answer", cut, passed), daemon=True),
            ]
            for pump in pumps:
                pump.start()
            for pump in pumps:
                pump.join()


def _pump(
    source: socket.socket, sink: socket.socket, way: Way, cut: Cut | None, passed: dict[str, int]
) -> None:
    """Hand on what comes, up to the cut; then, or behind the answer, neither side hears of the other again."""
    most = cut.at if cut is not None and cut.way == way else None
    with suppress(OSError):
        if most == 0:
            source.recv(1)  # the line breaks when there is something to say, not before
        while most is None or passed[way] < most:
            piece = source.recv(CHUNK_BYTES if most is None else most - passed[way])
            if not piece:
                break
            sink.sendall(piece)
            passed[way] += len(piece)
    if most is not None or way == "answer":
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_line(server_port: int) -> Iterator[CutLine]:
    """A line to the server, whole until cuts are planned."""
    line = CutLine(server_port)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.listener.shutdown(socket.SHUT_RDWR)
        line.listener.close()
        thread.join(5)


def ends_before(line: CutLine, cut: Cut) -> bool:
    """Tell whether the last connection ended before it reached the cut: answers differ by a few bytes in length."""
    return line.passed[-1][cut.way] <= cut.at


def sample(length: int, count: int) -> list[int]:
    """Places in so many bytes: both ends, their neighbours, and others evenly between."""
    even = {round(length * step / count) for step in range(count + 1)}
    return sorted({0, 1, 2, length - 2, length - 1, *even} - {length})
