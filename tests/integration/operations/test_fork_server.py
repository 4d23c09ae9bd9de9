"""Processes that the fork server starts do not differ from executed ones, and do not depend on it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backend.core.bootstrap import TRY_AGAIN
from backend.operations.up.fork_server import LENGTH
from backend.operations.up.launcher import FORK_SERVER, Launcher, Started
from backend.operations.up.orphans import Orphans
from tests.integration.operations.forks import adopt_no_orphans

ENTRY = "tests.integration.operations.forked_program"
TIMEOUT_S = 60.0
LONG = {f"LONG_{number}": "x" * 100_000 for number in range(4)}
"""More than the buffer of a socket has room for."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


@dataclass
class Program:
    """A started program, its report and the connection to it."""

    process: Started
    report: dict[str, Any]
    connection: socket.socket

    async def end(self, line: str) -> int:
        await asyncio.get_running_loop().sock_sendall(self.connection, f"{line}\n".encode())
        self.connection.close()
        async with asyncio.timeout(TIMEOUT_S):
            return await self.process.wait()


@pytest_asyncio.fixture
async def launcher() -> AsyncIterator[Launcher]:
    launcher = Launcher([ENTRY], dict(os.environ))
    try:
        async with launcher.running():
            yield launcher
    finally:
        adopt_no_orphans()


async def start(launcher: Launcher, environment: dict[str, str]) -> Program:
    """Start the program with these variables and nothing else, and return it after its report."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        process = await launcher.start(ENTRY, environment, stdin=theirs.fileno(), stdout=theirs.fileno())
    loop, text = asyncio.get_running_loop(), b""
    async with asyncio.timeout(TIMEOUT_S):
        while not text.endswith(b"\n"):
            chunk = await loop.sock_recv(ours, 1 << 16)
            assert chunk, f"the program ended: {await process.wait()}"
            text += chunk
    return Program(process, json.loads(text), ours)


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PURAS_HOME": str(tmp_path), **variables}


async def test_forked_process_has_the_state_of_an_executed_one(launcher: Launcher, tmp_path: Path) -> None:
    variables = environment(tmp_path, **LONG, ODD="\udcff é\n")
    forked = await start(launcher, variables)
    executed = await start(Launcher([], {}), variables | {"PYTHONPATH": os.pathsep.join(sys.path)})
    (server,) = launcher.pids
    assert forked.report["imported_by"] == server
    assert executed.report["imported_by"] == executed.report["pid"]
    for program in (forked, executed):
        report = program.report
        assert report["pid"] == report["session"] == program.process.pid
        assert report["parent"] == os.getpid()
        assert report["home"] == str(tmp_path)
        assert report["default_signals"]
        # A process ignores an interrupt if this one does, such as a job in the background of a shell.
        assert report["interrupt"] is (signal.getsignal(signal.SIGINT) != signal.SIG_IGN)
        assert report["blocked"] == 0
        assert report["collects"]
        assert report["safe_path"]
        assert report["descriptors"] == [0, 1, 2]
        assert report["command"][1:] == ["-P", "-m", ENTRY]
        assert report["arguments"][1:] == []
    assert forked.report["environment"] == variables
    assert await forked.end("0") == await executed.end("0") == 0


async def test_forked_processes_draw_different_random_numbers(launcher: Launcher, tmp_path: Path) -> None:
    programs = [await start(launcher, environment(tmp_path)) for _ in range(3)]
    drawn = [number for program in programs for number in program.report["random"]]
    assert len(set(drawn)) == len(drawn) == 9
    for program in programs:
        await program.end("0")


async def test_exit_codes_and_signals_are_reported(launcher: Launcher, tmp_path: Path) -> None:
    assert await (await start(launcher, environment(tmp_path))).end("78") == 78
    assert await (await start(launcher, environment(tmp_path))).end("raise") == 1
    killed = await start(launcher, environment(tmp_path))
    killed.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(TIMEOUT_S):
        assert await killed.process.wait() == killed.process.returncode == -signal.SIGTERM
    killed.process.send_signal(signal.SIGTERM)
    killed.connection.close()


async def test_killed_server_ends_no_process_and_is_replaced(launcher: Launcher, tmp_path: Path) -> None:
    first = await start(launcher, environment(tmp_path))
    (server,) = launcher.pids
    os.kill(server, signal.SIGKILL)
    executed = await start(launcher, environment(tmp_path) | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert executed.report["imported_by"] == executed.report["pid"]
    async with asyncio.timeout(TIMEOUT_S):
        while launcher.pids <= {server}:  # noqa: ASYNC110 - there is no event for a new server
            await asyncio.sleep(0.05)
    second = await start(launcher, environment(tmp_path))
    assert {second.report["imported_by"]} == launcher.pids
    assert first.process.returncode is None
    assert [await program.end("7") for program in (first, executed, second)] == [7, 7, 7]


def test_process_does_not_run_if_its_parent_does_not_know_it(tmp_path: Path) -> None:
    control, theirs = socket.socketpair()
    ours, program = socket.socketpair()
    Orphans().adopt()
    try:
        with control, theirs, ours, program:
            control.settimeout(TIMEOUT_S)
            ours.settimeout(TIMEOUT_S)
            server = subprocess.Popen([sys.executable, "-m", FORK_SERVER], stdin=theirs.fileno())
            theirs.close()
            send(control, {"entries": [ENTRY]}, [])
            size = LENGTH.unpack(control.recv(LENGTH.size, socket.MSG_WAITALL))[0]
            assert json.loads(control.recv(size, socket.MSG_WAITALL)) == {"ready": True}
            before = children()
            request = {"entry": ENTRY, "environment": environment(tmp_path), "parent": os.getpid()}
            send(control, request, [program.fileno(), program.fileno()])
            control.close()  # the reply with the process ID is not read
            program.close()
            assert server.wait(TIMEOUT_S) == 0
            (pid,) = children() - before
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == TRY_AGAIN
            assert ours.recv(1) == b""
    finally:
        adopt_no_orphans()


def children() -> set[int]:
    """Return the children of this process, without the ended ones that it has waited for."""
    threads = Path("/proc/self/task").iterdir()
    return {int(pid) for thread in threads for pid in (thread / "children").read_text().split()}


def send(control: socket.socket, message: dict[str, Any], descriptors: list[int]) -> None:
    body = json.dumps(message).encode()
    socket.send_fds(control, [LENGTH.pack(len(body)) + body], descriptors)


async def test_server_with_a_thread_is_not_used(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    module = tmp_path / "starts_a_thread.py"
    module.write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n",
        encoding="utf-8",
    )
    variables = environment(tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    launcher = Launcher(["starts_a_thread", ENTRY], variables)
    try:
        async with launcher.running():
            program = await start(launcher, variables)
            assert program.report["imported_by"] == program.report["pid"]
            async with asyncio.timeout(TIMEOUT_S):
                while launcher.pids:  # noqa: ASYNC110 - there is no event for its end
                    await asyncio.sleep(0.05)
            assert await program.end("0") == 0
    finally:
        adopt_no_orphans()
    assert "the imported modules have started 2 threads; a fork needs none" in capfd.readouterr().err


async def test_program_that_cannot_be_imported_reports_the_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.py").write_text("raise RuntimeError('it is broken')\n", encoding="utf-8")
    variables = environment(tmp_path, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))
    launcher = Launcher(["broken", ENTRY], variables)
    try:
        async with launcher.running():
            working = await start(launcher, variables)
            assert {working.report["imported_by"]} == launcher.pids
            broken = await launcher.start("broken", variables)
            async with asyncio.timeout(TIMEOUT_S):
                assert await broken.wait() == 1
            assert await working.end("0") == 0
    finally:
        adopt_no_orphans()
    assert "RuntimeError: it is broken" in capfd.readouterr().err


async def test_forked_processes_end_with_their_parent(tmp_path: Path) -> None:
    """A process that starts two programs is killed: both end, and the server, too."""
    script = Path(__file__).with_name("forking_parent.py")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    async with asyncio.timeout(TIMEOUT_S):
        pids = json.loads(await parent.stdout.readline())
        assert len(pids) == 3
        descriptors = [os.pidfd_open(pid) for pid in pids]
        parent.kill()
        await parent.wait()
        loop = asyncio.get_running_loop()
        for descriptor in descriptors:
            ended = asyncio.Event()
            loop.add_reader(descriptor, ended.set)
            await ended.wait()
            loop.remove_reader(descriptor)
            os.close(descriptor)
