"""Processes of one host send messages directly, and nothing is lost where that is not possible."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from backend.core.process_sockets import MAX_BYTES, ProcessSocket, open_socket

Received = list[tuple[str, str]]


@asynccontextmanager
async def opened(folder: Path, name: str, received: Received) -> AsyncIterator[ProcessSocket]:
    with closing(ProcessSocket(folder, name, lambda kind, text: received.append((kind, text)))) as found:
        yield found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


async def test_messages_arrive_in_order(tmp_path: Path) -> None:
    received: Received = []
    async with opened(tmp_path, "a" * 32, []) as sender, opened(tmp_path, "b" * 32, received):
        assert sender.send("b" * 32, "job", 'default 1 {"ü": "\U0001f989 \\n"}')
        assert sender.send("b" * 32, "end", "")
        await until(lambda: len(received) == 2)
    assert received == [("job", 'default 1 {"ü": "\U0001f989 \\n"}'), ("end", "")]
    assert list(tmp_path.iterdir()) == []


async def test_what_cannot_be_sent_is_not_lost_silently(tmp_path: Path) -> None:
    received: Received = []
    async with opened(tmp_path, "sender", []) as sender:
        assert not sender.send("elsewhere", "job", "")
        async with opened(tmp_path, "receiver", received):
            assert not sender.send("receiver", "job", "x" * MAX_BYTES)
            assert sender.send("receiver", "job", "x" * (MAX_BYTES - 4))
            await until(lambda: len(received) == 1)
        assert not sender.send("receiver", "job", ""), "it has ended"
    assert received == [("job", "x" * (MAX_BYTES - 4))]


async def test_process_that_is_behind_gets_no_more_messages(tmp_path: Path) -> None:
    received: Received = []
    async with opened(tmp_path, "sender", []) as sender, opened(tmp_path, "receiver", received):
        sent = 0
        while sender.send("receiver", "job", str(sent)):
            sent += 1
            assert sent < 100_000, "the queue of a socket is limited"
        await until(lambda: len(received) == sent)
        assert sender.send("receiver", "job", "again")
        await until(lambda: len(received) == sent + 1)
    assert received == [*(("job", str(number)) for number in range(sent)), ("job", "again")]


async def test_sockets_of_killed_processes_are_removed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(tmp_path / "killed"))
    (tmp_path / "note").write_text("of another program", encoding="utf-8")
    received: Received = []
    async with opened(tmp_path, "running", received), opened(tmp_path, "new", []) as new:
        assert {path.name for path in tmp_path.iterdir()} == {"running", "new", "note"}
        assert new.send("running", "job", "")
        await until(lambda: len(received) == 1)


async def test_socket_is_private(tmp_path: Path) -> None:
    async with opened(tmp_path, "private", []):
        assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("folder", ["missing", "x" * 120])
async def test_host_without_sockets_has_none(tmp_path: Path, folder: str) -> None:
    path = tmp_path / folder
    if folder != "missing":
        path.mkdir()
    assert open_socket(path, "process", lambda *_: None) is None
    assert len([*tmp_path.iterdir()]) == (folder != "missing")
