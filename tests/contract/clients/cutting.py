"""Provide a proxy that breaks connections after a given number of bytes."""

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
    """The direction and the number of bytes after which a connection breaks."""

    way: Way
    at: int


@dataclass
class CutLine:
    """A proxy. Each new connection breaks at the next planned cut; None stands for a connection that does not break."""

    server_port: int
    cuts: list[Cut | None] = field(default_factory=list)
    passed: list[dict[str, int]] = field(default_factory=list)
    """Number of forwarded bytes of the request and of the response, by connection."""
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def address(self) -> str:
        """Return the URL of the proxy."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Accept connections until the listener is closed."""
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
    """Forward bytes up to the cut. Then, and after the end of the response, close both connections."""
    limit = cut.at if cut is not None and cut.way == way else None
    with suppress(OSError):
        if limit == 0:
            source.recv(1)  # break the connection only after the client has sent something
        while limit is None or passed[way] < limit:
            piece = source.recv(CHUNK_BYTES if limit is None else limit - passed[way])
            if not piece:
                break
            sink.sendall(piece)
            passed[way] += len(piece)
    if limit is not None or way == "answer":
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_line(server_port: int) -> Iterator[CutLine]:
    """Run a proxy of the server. Connections do not break until cuts are planned."""
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
    """Return whether the last connection ended before the cut, since the length of responses varies by a few bytes."""
    return line.passed[-1][cut.way] <= cut.at


def sample(length: int, count: int) -> list[int]:
    """Return offsets within a length: both ends, their neighbors, and evenly spaced ones between them."""
    even = {round(length * step / count) for step in range(count + 1)}
    return sorted({0, 1, 2, length - 2, length - 1, *even} - {length})
