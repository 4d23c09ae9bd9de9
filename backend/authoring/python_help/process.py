"""Run the process that analyzes Python code: warm, confined, and ended after a while without requests."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from backend.authoring.python_help.errors import PythonHelpBusy, PythonHelpUnavailable
from backend.core import logs, release_files

log = logs.get(__name__)

Action = Literal["analyze", "check", "check_init", "format"]

MAX_CPU_S: Final = 2
MAX_MEMORY_MIB: Final = 1_024
"""The limits of one request, which the process enforces."""
_BYTES: Final[dict[Action, bytes]] = {"analyze": b"a", "check": b"c", "check_init": b"i", "format": b"f"}
_CONCURRENT: Final = 2
_MAX_QUEUE_S: Final = 5.0
_TIMEOUT_S: Final = 10.0
_IDLE_S: Final = 600.0
_END_S: Final = 0.2
_ATTEMPTS: Final = 2
_MAX_RESPONSE_BYTES: Final = 8 << 20
_READ_BYTES: Final = 64 << 10
_PYTHON: Final = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
_LIBRARIES: Final = ("jedi", "parso")


@dataclass(frozen=True, slots=True)
class _Running:
    """A started process."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    """Passes the socket of each request to the process, which ends when it is closed."""

    @property
    def is_usable(self) -> bool:
        """Whether it accepts requests."""
        return self.control.fileno() >= 0 and self.process.poll() is None


class PythonAnalyzer:
    """The process that analyzes Python code, started by the first request; one instance per API process."""

    def __init__(self) -> None:
        self._running: _Running | None = None
        self._starting = asyncio.Lock()
        self._slots = asyncio.Semaphore(_CONCURRENT)
        self._projects: defaultdict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: Counter[UUID] = Counter()
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Return the ID of the process; None if it does not run."""
        running = self._running
        return None if running is None or running.process.poll() is not None else running.process.pid

    async def ask(self, project_id: UUID, action: Action, content: bytes) -> bytes:
        """Return the output of an action for a text; empty if it exceeded a limit.

        Raises:
            PythonHelpBusy: Other requests take too long.
            PythonHelpUnavailable: The process cannot be started.
        """
        async with self._turn(project_id):
            for _ in range(_ATTEMPTS):
                running = await self._started()
                output = await _ask(running, action, content)
                if output is None or (not output and await _ends(running.process)):
                    continue
                self._end_later()
                return output
            log.error("python analysis ended", exit_code=running.process.poll())
            raise PythonHelpUnavailable

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        running, self._running = self._running, None
        if running is not None:
            running.control.close()
            running.process.kill()
            await asyncio.to_thread(running.process.wait)

    @asynccontextmanager
    async def _turn(self, project_id: UUID) -> AsyncIterator[None]:
        """Wait for the turn of a project: one of its requests runs, and two of all projects."""
        own = self._projects[project_id]
        self._waiting[project_id] += 1
        try:
            async with AsyncExitStack() as stack:
                try:
                    async with asyncio.timeout(_MAX_QUEUE_S):
                        await stack.enter_async_context(own)
                        await stack.enter_async_context(self._slots)
                except TimeoutError:
                    raise PythonHelpBusy from None
                yield
        finally:
            self._waiting[project_id] -= 1
            if not self._waiting[project_id]:
                del self._waiting[project_id], self._projects[project_id]

    async def _started(self) -> _Running:
        async with self._starting:
            if self._idle is not None:
                self._idle.cancel()
            running = self._running
            if running is None or not running.is_usable:
                await self.close()
                running = self._running = await asyncio.to_thread(_start)
            return running

    def _end_later(self) -> None:
        """End the process when there were no requests for a while."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_S, self._end_idle)

    def _end_idle(self) -> None:
        if self._running is not None:
            self._running.control.close()


def _start() -> _Running:
    # Start the program by its name, since no process of the instance imports guest code.
    found = importlib.util.find_spec("workers")
    if found is None or found.origin is None:
        raise PythonHelpUnavailable
    folder = str(Path(found.origin).with_name("sandbox"))
    arguments = {"library": _library(), "kit": str(release_files.KIT / "puras"), "ruff": _ruff()}
    listed = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    code = f"import sys; sys.path.insert(0, {folder!r}); from guest import python_help; python_help.main({listed})"
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [str(_PYTHON), "-I", "-S", "-B", "-c", code],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            log.error("python analysis does not start", error=str(error))
            raise PythonHelpUnavailable from error
    return _Running(process, ours)


async def _ask(running: _Running, action: Action, content: bytes) -> bytes | None:
    """Send one request to the process, and return the response of its child; None if the process has ended."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            socket.send_fds(running.control, [_BYTES[action]], [theirs.fileno()])
        except OSError:  # the process has ended
            ours.close()
            return None
    ours.setblocking(False)
    reader, writer = await asyncio.open_unix_connection(sock=ours)
    output = bytearray()
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            writer.write(content)
            writer.write_eof()
            while piece := await reader.read(_READ_BYTES):
                output += piece
                if len(output) > _MAX_RESPONSE_BYTES:
                    return b""
    except (TimeoutError, OSError):  # it exceeded a limit and was ended
        return b""
    finally:
        writer.close()
    return bytes(output)


async def _ends(process: subprocess.Popen[bytes]) -> bool:
    """Return whether a process has ended or is about to end."""
    with suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(process.wait, _END_S)
    return process.returncode is not None


def _library() -> list[str]:
    """Return the folders of the packages of the analysis."""
    specs = (importlib.util.find_spec(name) for name in _LIBRARIES)
    return [str(Path(spec.origin).parent) for spec in specs if spec is not None and spec.origin is not None]


def _ruff() -> str:
    # An extra of the installation.
    from ruff import find_ruff_bin  # type: ignore[import-untyped]  # the package ships no types

    program: str = find_ruff_bin()
    return os.path.realpath(program)
