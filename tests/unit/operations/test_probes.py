"""The server of the probes of the worker pool, in the thread of the pool."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from benchmarks.instance import free_port
from workers.health import Health, SignsOfLife
from workers.probes import MAX_REQUEST_BYTES, MAX_REQUESTS, HealthPortTaken, Probes
from workers.watch import Watch

TIMEOUT_S: Final = 30.0
GET_LIVE: Final = b"GET /live?full=1 HTTP/1.1\r\nHost: pool\r\n\r\n"


class Pool:
    """The loop of a pool without processes."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.watch = Watch()
        stack.callback(self.watch.close_all)
        self.port = free_port()
        self.health = Health([SignsOfLife(0)], is_draining=lambda: False)
        self.probes = Probes(self.health, self.watch, "127.0.0.1", self.port)

    def connect(self, sent: bytes = b"") -> socket.socket:
        connection = self._stack.enter_context(socket.create_connection(("127.0.0.1", self.port)))
        connection.setblocking(False)
        connection.sendall(sent)
        return connection

    def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while not condition():
            assert time.monotonic() < deadline
            self.watch.wait(0.01)
            self.probes.end_slow_requests()

    def response(self, connection: socket.socket) -> bytes:
        """Return everything that the pool sends until it closes the connection."""
        received = bytearray()

        def is_closed() -> bool:
            try:
                chunk = connection.recv(1 << 16)
            except BlockingIOError:
                return False
            except ConnectionResetError:
                return True
            received.extend(chunk)
            return not chunk

        self.until(is_closed)
        return bytes(received)


@pytest.fixture
def pool() -> Iterator[Pool]:
    with ExitStack() as stack:
        yield Pool(stack)


def test_probe_returns_its_status_and_body(pool: Pool) -> None:
    head, _, body = pool.response(pool.connect(GET_LIVE)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == {"status": "ok"}
    ready = pool.response(pool.connect(b"GET /ready HTTP/1.0\n\n"))
    assert ready.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"it is starting" in ready


@pytest.mark.parametrize(
    ("request_line", "status"),
    [(b"GET /other HTTP/1.1", b"404"), (b"POST /live HTTP/1.1", b"405"), (b"\xff\x00", b"405")],
)
def test_other_requests_are_rejected(pool: Pool, request_line: bytes, status: bytes) -> None:
    response = pool.response(pool.connect(request_line + b"\r\n\r\n"))
    assert response.split(b" ", 2)[1] == status


def test_request_can_arrive_in_parts_while_others_are_incomplete(pool: Pool) -> None:
    pool.connect()
    slow = pool.connect(GET_LIVE[:7])
    pool.until(lambda: len(pool.probes._requests) == 2)
    assert b"200 OK" in pool.response(pool.connect(GET_LIVE))
    slow.sendall(GET_LIVE[7:])
    assert b"200 OK" in pool.response(slow)


def test_caller_that_disconnects_is_forgotten(pool: Pool) -> None:
    pool.connect(GET_LIVE[:7]).close()
    pool.connect(GET_LIVE).close()
    assert b"200 OK" in pool.response(pool.connect(GET_LIVE))
    pool.until(lambda: not pool.probes._requests)


def test_oldest_request_ends_when_there_are_too_many(pool: Pool) -> None:
    first = pool.connect(GET_LIVE[:7])
    pool.until(lambda: len(pool.probes._requests) == 1)
    others = [pool.connect(GET_LIVE[:7]) for _ in range(MAX_REQUESTS)]
    assert pool.response(first) == b""
    others[-1].sendall(GET_LIVE[7:])
    assert b"200 OK" in pool.response(others[-1])


def test_slow_and_long_requests_end(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.response(pool.connect(b"x" * MAX_REQUEST_BYTES)) == b""
    monkeypatch.setattr("workers.probes.REQUEST_S", 0.05)
    assert pool.response(pool.connect(GET_LIVE[:7])) == b""


def test_taken_port_is_reported(pool: Pool) -> None:
    with pytest.raises(HealthPortTaken, match=f"Port {pool.port} of 127.0.0.1 cannot be used"):
        Probes(pool.health, pool.watch, "127.0.0.1", pool.port)


def test_signal_ends_the_wait(pool: Pool) -> None:
    received: list[int] = []
    previous = signal.signal(signal.SIGUSR1, lambda number, _: received.append(number))
    try:
        began = time.monotonic()
        with subprocess.Popen(["sh", "-c", f"sleep 0.2; kill -USR1 {os.getpid()}"]):
            pool.watch.wait(TIMEOUT_S)
    finally:
        signal.signal(signal.SIGUSR1, previous)
    assert received == [signal.SIGUSR1]
    assert time.monotonic() - began < TIMEOUT_S / 2
