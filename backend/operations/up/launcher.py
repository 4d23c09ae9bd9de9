"""Start the processes of an instance: forked from `fork_server`, or executed where that is not possible."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from backend.core import logs
from backend.core.forks import CAN_FORK
from backend.operations.up import parent_death
from backend.operations.up.fork_server import LENGTH
from backend.operations.up.orphans import Orphans

log = logs.get(__name__)

FORK_SERVER = "backend.operations.up.fork_server"
RESTART_DELAY_S = 0.2
UNKNOWN_EXIT_CODE = 255  # as in asyncio
MAX_FAILURES = 3  # of a fork server that is killed before it is ready


class Started(Protocol):
    """A started process: a part of the interface of `asyncio.subprocess.Process`."""

    @property
    def pid(self) -> int:
        """The process ID, which is also that of its session."""

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal, or None while the process runs."""

    async def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""

    def send_signal(self, signal: int) -> None:
        """Send a signal to the process if it runs."""


class Launcher:
    """Starts processes in sessions of their own, which end when this process ends for any reason."""

    def __init__(self, entries: Sequence[str], environment: Mapping[str, str]) -> None:
        """Prepare the start of processes.

        Args:
            entries: The modules that `python -m` would run, and that the fork server imports.
            environment: The environment of the fork server. Tools that show the environment of a process show this
                one for all forked processes.
        """
        self._entries = list(entries)
        self._environment = dict(environment)
        self._forks = False
        self._server: _ForkServer | None = None
        self.orphans = Orphans()
        """The descendants that lose their parents, as forked processes do at their start."""

    @property
    def pids(self) -> set[int]:
        """The process ID of the fork server, if there is one."""
        return set() if self._server is None else {self._server.pid}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a fork server running during the block: it starts again when it ends, unless it fails at its start."""
        self._forks = self.orphans.adopt() and CAN_FORK and _can_follow_processes()
        await self._start_server()
        keeping = asyncio.create_task(self._keep_server(), name="fork server")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            server, self._server = self._server, None
            if server is not None:
                await server.end()

    async def _keep_server(self) -> None:
        failures = 0
        while self._server is not None:
            code = await self._server.wait()
            await self._server.end()
            failures = 0 if self._server.is_ready else failures + 1
            if failures and (code >= 0 or failures == MAX_FAILURES):
                log.warning("the fork server failed; processes start without it", exit_code=code)
                self._server = None
                return
            log.warning("the fork server ended, restarting it", exit_code=code)
            await asyncio.sleep(RESTART_DELAY_S)
            await self._start_server()

    async def _start_server(self) -> None:
        self._server = None
        if self._forks:
            try:
                self._server = await _ForkServer.start(self._entries, self._environment)
            except OSError as error:
                log.warning("the fork server did not start; processes start without it", why=str(error))

    async def start(
        self,
        entry: str,
        environment: Mapping[str, str],
        *,
        stdin: int = DEVNULL,
        stdout: int | None = None,
    ) -> Started:
        """Start the module that `python -m entry` would run.

        Args:
            entry: The module.
            environment: All environment variables of the process.
            stdin: A descriptor for standard input; nothing by default.
            stdout: A descriptor for standard output; that of this process by default.

        Raises:
            OSError: The system has no resources for another process.
        """
        if self._server is not None:
            with suppress(_ForkServerEnded):
                return await self._server.fork(entry, environment, stdin=stdin, stdout=stdout)
        return await _execute(entry, environment, stdin=stdin, stdout=stdout)


def _can_follow_processes() -> bool:
    """Return whether the system has descriptors of processes; some containers run without them."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


class _ForkServerEnded(Exception):
    """The fork server has ended or failed. A process that it was starting has not run its program."""


class _ForkServer:
    """The process that forks others, and the socket for requests to it."""

    def __init__(self, process: Started, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._turn = asyncio.Lock()
        self._import = asyncio.create_task(self._until_ready(), name="imports of the fork server")

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether the process has imported the modules."""
        return self._import.done() and not self._import.cancelled() and self._import.result()

    @classmethod
    async def start(cls, entries: Sequence[str], environment: Mapping[str, str]) -> _ForkServer:
        """Start the process, which imports the modules. Requests wait until it has imported them."""
        control, theirs = socket.socketpair()
        control.setblocking(False)
        with theirs:
            process = await _execute(FORK_SERVER, environment, stdin=theirs.fileno(), stdout=None)
        server = cls(process, control)
        with suppress(_ForkServerEnded):  # `wait` reports its end
            await server._send({"entries": list(entries)}, [])
        return server

    async def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        return await self._process.wait()

    async def end(self) -> None:
        """Kill the process if it runs, end the request to it, and close the socket."""
        self._kill()
        with suppress(OSError):  # the socket is closed already
            self._control.shutdown(socket.SHUT_RDWR)
        await asyncio.shield(self._import)
        async with self._turn:  # the event loop may still wait for a reply
            self._control.close()
        await self._process.wait()

    async def fork(
        self, entry: str, environment: Mapping[str, str], *, stdin: int, stdout: int | None
    ) -> Started:
        """Fork a process.

        Raises:
            OSError: The system has no resources for another process.
            _ForkServerEnded: There is no process to fork from any more.
        """
        request = {"entry": entry, "environment": dict(environment), "parent": os.getpid()}
        null = os.open(os.devnull, os.O_RDONLY)
        descriptors = [null if stdin == DEVNULL else stdin, 1 if stdout is None else stdout]
        try:
            async with self._turn:
                if not await asyncio.shield(self._import):
                    raise _ForkServerEnded
                reply = await self._reply_to(request, descriptors)
        finally:
            os.close(null)
        if "errno" in reply:
            raise OSError(reply["errno"], os.strerror(reply["errno"]))
        return ForkedChild(reply["pid"])

    async def _until_ready(self) -> bool:
        try:
            await self._receive()
        except _ForkServerEnded:
            return False
        return True

    async def _reply_to(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        try:
            await self._send(request, descriptors)
            return await self._receive()
        except asyncio.CancelledError:  # the next request would receive the reply to this one
            self._kill()
            raise

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)

    async def _send(self, message: dict[str, Any], descriptors: list[int]) -> None:
        body = json.dumps(message).encode()
        try:
            # There is always room for four bytes, since each message is sent after the reply to the one before.
            socket.send_fds(self._control, [LENGTH.pack(len(body))], descriptors)
            await asyncio.get_running_loop().sock_sendall(self._control, body)
        except OSError as error:
            raise _ForkServerEnded from error

    async def _receive(self) -> dict[str, Any]:
        length = LENGTH.unpack(await self._read(LENGTH.size))[0]
        reply: dict[str, Any] = json.loads(await self._read(length))
        return reply

    async def _read(self, size: int) -> bytes:
        loop, read = asyncio.get_running_loop(), bytearray()
        while len(read) < size:
            try:
                chunk = await loop.sock_recv(self._control, size - len(read))
            except OSError as error:
                raise _ForkServerEnded from error
            if not chunk:
                raise _ForkServerEnded
            read += chunk
        return bytes(read)


class ForkedChild:
    """A child of this process that the fork server has created."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._descriptor = os.pidfd_open(pid)
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._loop.add_reader(self._descriptor, self._on_end)

    async def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        await self._ended.wait()
        assert self.returncode is not None  # noqa: S101 - it has ended
        return self.returncode

    def send_signal(self, signal: int) -> None:
        """Send a signal to the process if it runs."""
        if self.returncode is None:
            os.kill(self.pid, signal)  # its ID is not used again before its exit code is read

    def _on_end(self) -> None:
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)
        try:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        except ChildProcessError:  # another part of this process has reaped it
            self.returncode = UNKNOWN_EXIT_CODE
        self._ended.set()


async def _execute(
    entry: str, environment: Mapping[str, str], *, stdin: int, stdout: int | None
) -> asyncio.subprocess.Process:
    """Start a new interpreter."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-IS",
        str(Path(parent_death.__file__)),
        str(os.getpid()),
        sys.executable,
        "-P",  # the working directory can contain packages with the names of ours
        "-m",
        entry,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        start_new_session=True,
    )
