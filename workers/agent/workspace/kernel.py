"""Run the worker's side of an agent's Python kernel, from its first cell to the end of its workspace.

Messages from the sandbox are not trusted: lines have a maximum length, and an invalid message ends the kernel.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from backend.core import extras, logs
from workers.agent.workspace.command_output import Printed
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.kernel_packages import kernel_packages
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shells.commands import CommandRequest, OutputCallback
from workers.sandbox.host.shells.shell import run_command
from workers.sandbox.host.zygotes.errors import ZygoteLost
from workers.sandbox.isolation.paths import INSIDE_KERNEL, INSIDE_PACKAGES
from workers.types import Assignment, Recorder

log = logs.get(__name__)

START_S: Final = 90.0
GRACE_S: Final = 5.0
"""Time between an interrupt and the end of the kernel."""
MAX_LINE_BYTES: Final = 1 << 20
MAX_NOTEBOOK_LINE_BYTES: Final = 4 << 20
"""Messages for notebooks contain images."""
_MAX_FILES: Final = 20


def folder_of(job_id: str) -> str:
    """Return the folder of the drive with the rich outputs of a job."""
    return f"_jobs/{job_id}/python"


_STREAMS: Final = {
    "stdout": "stdout",
    "stderr": "stderr",
    "error": "stderr",
    "result": "stdout",
    "shown": "stdout",
}

End = Literal["ok", "error", "interrupted", "killed", "died", "broken"]


@dataclass(slots=True)
class Cell:
    """The result of a cell."""

    end: End = "ok"
    output: str = ""
    """The end of its output."""
    files: list[str] = field(default_factory=list)
    """Names of the rich outputs that it has stored in the drive."""
    reason: str = ""
    """Why the kernel has ended, if it has."""

    @property
    def is_over(self) -> bool:
        """Whether the kernel has ended, with all its variables."""
        return self.end in ("killed", "died", "broken")


async def open_kernel(
    runtime: SandboxRuntime,
    python: str,
    request_of: Callable[[str, float, OutputCallback], CommandRequest],
    assignment: Assignment,
    recorder: Recorder,
    *,
    for_notebook: bool = False,
) -> Kernel:
    """Return a kernel with the skill's Python in its own sandbox, as commands have one; the caller closes it.

    Rich outputs of cells become files of the drive; for a notebook they are sent in the form of notebooks.

    Raises:
        ZygoteLost: there is no suitable sandbox, or it did not start.
        ExtraMissing: the packages of kernels are not installed.
    """
    if not runtime.shared.is_mounted:
        hint = (
            "run notebooks on a Linux worker with bubblewrap"
            if for_notebook
            else "use bash, or files and tools"
        )
        raise ZygoteLost(f"This host has no sandbox for a Python kernel: {hint}.")
    extras.require("notebooks")
    packages = kernel_packages()
    folder = "" if for_notebook else f"drive/{folder_of(str(assignment.job_id))}"

    async def run(channel: socket.socket) -> str | None:
        with channel:
            code = (
                f"import sys; sys.path[:0] = [{INSIDE_PACKAGES!r}]; sys.path.append({INSIDE_KERNEL!r}); "
                "from puras_inside import kernel; "
                f"kernel.main({channel.fileno()}, {INSIDE_KERNEL!r}, {folder!r})"
            )
            request = request_of(
                f"exec {shlex.quote(python)} -I -B -c {shlex.quote(code)}",
                assignment.limits.timeout_s,
                _discard,
            )
            request = replace(request, channel=channel.fileno(), packages=packages)
            finished = await run_command(runtime, request, NetworkUse(recorder))
        return finished.excess

    kernel = Kernel(run, MAX_NOTEBOOK_LINE_BYTES if for_notebook else MAX_LINE_BYTES)
    await kernel.start()
    return kernel


async def _discard(stream: str, data: bytes) -> None:
    """Discard output that bypasses the kernel."""


class Kernel:
    """One kernel: a process in the sandbox that runs many cells."""

    def __init__(
        self, run: Callable[[socket.socket], Awaitable[str | None]], max_line_bytes: int = MAX_LINE_BYTES
    ) -> None:
        """Prepare a kernel; `run` starts it with the peer end of its channel, and returns what ended it."""
        self._run = run
        self._max_line_bytes = max_line_bytes
        self._process: asyncio.Task[str | None] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Start it.

        Raises:
            ZygoteLost: it did not start; the operator's log contains the reason.
        """
        own_end, peer_end = socket.socketpair()
        self._reader, self._writer = await asyncio.open_connection(sock=own_end, limit=self._max_line_bytes)
        self._process = asyncio.ensure_future(self._run(peer_end))
        try:
            async with asyncio.timeout(START_S):
                ready = await self._next()
        except TimeoutError:
            ready = None
        if ready is None or ready.get("type") != "ready":
            reason = await self.close()
            log.warning("kernel did not start", reason=reason)
            raise ZygoteLost("The Python kernel did not start. Try again.")

    async def execute(self, code: str, *, timeout_s: float, printed: Printed) -> Cell:
        """Run a cell; interrupt it after its timeout, and end the kernel if the interrupt has no effect."""
        cell = Cell()
        await self._send({"type": "run", "code": code})
        following = asyncio.ensure_future(self._collect(cell, printed))
        try:
            done, _ = await asyncio.wait({following}, timeout=timeout_s)
            if not done:
                await self._send({"type": "interrupt"})
                done, _ = await asyncio.wait({following}, timeout=GRACE_S)
                cell.end = "interrupted" if done and cell.end in ("ok", "error") else "killed"
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        if cell.is_over:
            cell.reason = await self.close() or ""
        return cell

    async def follow(self, code: str, on_message: Callable[[dict[str, Any]], Awaitable[None]]) -> End:
        """Run a cell to its end and forward its messages; only an interrupt ends one that never returns."""
        await self._send({"type": "run", "code": code})
        while True:
            message = await self._next()
            kind = message.get("type") if message else None
            if message is None or kind == "died":
                return "died"
            if kind == "done":
                return "ok" if message.get("status") == "ok" else "error"
            await on_message(message)

    async def interrupt(self) -> None:
        """Interrupt the cell that runs, as Ctrl-C does."""
        await self._send({"type": "interrupt"})

    async def close(self) -> str | None:
        """End it with all its processes; return what ended it before, if anything."""
        reason = None
        if self._process is not None:
            if not self._process.done() and self._reader is not None and self._reader.at_eof():
                await asyncio.wait({self._process}, timeout=GRACE_S)  # it is ending: wait for the reason
            self._process.cancel()
            with suppress(asyncio.CancelledError, ZygoteLost):
                reason = await self._process
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        return reason

    async def _collect(self, cell: Cell, printed: Printed) -> None:
        while True:
            message = await self._next()
            kind = message.get("type") if message else None
            if message is None or kind == "died":
                cell.end = "died"
                return
            if kind == "text":
                stream = _STREAMS.get(str(message.get("stream")), "stdout")
                await printed.feed(stream, str(message.get("text", "")).encode("utf-8", "replace"))
            elif kind == "file" and len(cell.files) < _MAX_FILES:
                cell.files.append(str(message.get("name", "")))
            elif kind == "done":
                cell.end = "ok" if message.get("status") == "ok" else "error"
                return

    async def _next(self) -> dict[str, Any] | None:
        """Return the next message; none if the kernel has ended, or the message is invalid."""
        if self._reader is None:
            return None
        try:
            message = json.loads(await self._reader.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    async def _send(self, request: dict[str, Any]) -> None:
        if self._writer is not None:
            with suppress(OSError):
                self._writer.write(json.dumps(request).encode() + b"\n")
                await self._writer.drain()
