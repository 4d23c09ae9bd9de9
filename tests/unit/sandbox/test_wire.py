"""The protocol between worker, zygote and child process: no message is trusted without validation."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox.guest import wire

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def control() -> Iterator[Pair]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    with ours, theirs:
        yield ours, theirs


def test_message_arrives_complete_with_its_descriptors(control: Pair) -> None:
    ours, theirs = control
    reading, writing = os.pipe()
    wire.send(theirs, {"type": "fork", "id": 7}, [writing])
    os.close(writing)
    message = wire.receive(ours, max_descriptors=1)
    assert message.body == {"type": "fork", "id": 7}
    os.write(message.descriptors[0], b"through")
    assert os.read(reading, 10) == b"through"
    for descriptor in (reading, *message.descriptors):
        os.close(descriptor)


def test_unexpected_descriptors_are_closed(control: Pair) -> None:
    ours, theirs = control
    before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names alone
    wire.send(theirs, {"type": "exit"}, [0, 1, 2])
    message = wire.receive(ours)
    assert message.descriptors == []
    assert set(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - names alone


def test_sender_is_identified_by_the_kernel(control: Pair) -> None:
    ours, theirs = control
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    theirs.send(b'{"pid": 1}')
    assert wire.receive(ours).pid == os.getpid()


def test_end_of_the_peer_is_reported(control: Pair) -> None:
    ours, theirs = control
    theirs.close()
    assert wire.receive(ours).closed


@given(st.binary(min_size=1, max_size=2000))
def test_reader_accepts_any_bytes_of_a_parent(data: bytes) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, wire.CONTROL_TYPE)
    with ours, theirs:
        theirs.send(data)
        assert isinstance(wire.receive(ours).body, dict)


def test_deeply_nested_message_is_ignored(control: Pair) -> None:
    ours, theirs = control
    theirs.send(b"[" * 50_000)
    assert wire.receive(ours).body == {}


@given(st.binary(max_size=40_000), st.binary(max_size=40_000), st.integers(min_value=100, max_value=30_000))
def test_frames_are_read_as_they_were_written(first: bytes, second: bytes, piece: int) -> None:
    ours, theirs = socket.socketpair()
    data = wire.frame(first) + wire.frame(second)

    def write() -> None:
        for start in range(0, len(data), piece):
            theirs.sendall(data[start : start + piece])

    with ours, theirs:
        writer = threading.Thread(target=write)
        writer.start()
        assert wire.read_frames(ours) == (first, second)
        writer.join()


@pytest.mark.parametrize("missing", [1, 5, 6, 13, 14, 18])
def test_incomplete_frames_are_ignored(missing: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, suppress(OSError):
        theirs.sendall((wire.frame(b"first") + wire.frame(b"whole"))[:-missing])
        theirs.close()
        assert wire.read_frames(ours) is None
