"""The Python kernel of one agent, seen from the worker: started with its first cell, ended with its workroom.

Nothing that comes from the sandbox is trusted: lines have a limit, and one that is no message ends the kernel.
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

from backend.core import logs
from workers.agent.workspace.command_output import Printed
from workers.sandbox.egress.network_use import NetworkUse
from workers.sandbox.host.commands import Hear, Order
from workers.sandbox.host.errors import ParentLost
from workers.sandbox.host.kernel_packages import kernel_packages
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.shell import run_command
from workers.sandbox.isolation.paths import INSIDE_KERNEL, INSIDE_OURS
from workers.types import Assignment, Recorder

log = logs.get(__name__)

START_S: Final = 90.0
GRACE_S: Final = 5.0
"""Between an interrupt and the end of the whole kernel."""
MAX_LINE_BYTES: Final = 1 << 20
MAX_NOTEBOOK_LINE_BYTES: Final = 4 << 20
"""What a notebook is told holds its pictures."""
_MAX_FILES: Final = 20


def folder_of(job_id: str) -> str:
    """Where in the drive the rich outputs of a job are."""
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
    """How a cell went."""

    end: End = "ok"
    output: str = ""
    """The end of what it printed and gave."""
    files: list[str] = field(default_factory=list)
    """Names of the rich outputs that it has left in the drive."""
    said: str = ""
    """Why the kernel is gone, when it is."""

    @property
    def is_over(self) -> bool:
        """Whether the kernel, with all its variables, is gone."""
        return self.end in ("killed", "died", "broken")


async def open_kernel(
    house: SandboxRuntime,
    python: str,
    order_of: Callable[[str, float, Hear], Order],
    assignment: Assignment,
    recorder: Recorder,
    *,
    for_notebook: bool = False,
) -> Kernel:
    """A kernel of the skill's Python in a sandbox of its own, as commands have one; whoever opens it closes it.

    Rich outputs of cells become files of the drive; for a notebook they are told as it keeps them.

    Raises:
        ParentLost: there is no sandbox that could hold it, or it did not start.
    """
    if not house.ground.is_mounted:
        instead = (
            "run notebooks on a Linux worker with bubblewrap"
            if for_notebook
            else "use bash, or files and tools"
        )
        raise ParentLost(f"This machine has no sandbox that could hold a Python kernel: {instead}.")
    packages = kernel_packages()
    folder = "" if for_notebook else f"drive/{folder_of(str(assignment.job_id))}"

    async def run(channel: socket.socket) -> str | None:
        with channel:
            code = (
                f"import sys; sys.path[:0] = [{INSIDE_OURS!r}]; sys.path.append({INSIDE_KERNEL!r}); "
                "from puras_inside import kernel; "
                f"kernel.main({channel.fileno()}, {INSIDE_KERNEL!r}, {folder!r})"
            )
            order = order_of(
                f"exec {shlex.quote(python)} -I -B -c {shlex.quote(code)}", assignment.limits.timeout_s, _hear
            )
            order = replace(order, channel=channel.fileno(), packages=packages)
            finished = await run_command(house, order, NetworkUse(recorder))
        return finished.excess

    kernel = Kernel(run, MAX_NOTEBOOK_LINE_BYTES if for_notebook else MAX_LINE_BYTES)
    await kernel.start()
    return kernel


async def _hear(stream: str, data: bytes) -> None:
    """What is printed past the kernel is nobody's output."""


class Kernel:
    """One kernel: a process of the sandbox that lives for many cells."""

    def __init__(
        self, run: Callable[[socket.socket], Awaitable[str | None]], most_line_bytes: int = MAX_LINE_BYTES
    ) -> None:
        """`run` starts it with the other end of its channel, and gives why it ended, if something ended it."""
        self._run = run
        self._most_line_bytes = most_line_bytes
        self._process: asyncio.Task[str | None] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def start(self) -> None:
        """Start it.

        Raises:
            ParentLost: it did not come; why is for the operator.
        """
        ours, theirs = socket.socketpair()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=self._most_line_bytes)
        self._process = asyncio.ensure_future(self._run(theirs))
        try:
            async with asyncio.timeout(START_S):
                ready = await self._next()
        except TimeoutError:
            ready = None
        if ready is None or ready.get("type") != "ready":
            said = await self.close()
            log.warning("a kernel did not start", said=said)
            raise ParentLost("The Python kernel did not start. Try again.")

    async def execute(self, code: str, *, timeout_s: float, printed: Printed) -> Cell:
        """Run a cell: one that takes too long is interrupted, and if that does not help, its kernel is ended."""
        cell = Cell()
        await self._order({"type": "run", "code": code})
        following = asyncio.ensure_future(self._follow(cell, printed))
        try:
            done, _ = await asyncio.wait({following}, timeout=timeout_s)
            if not done:
                await self._order({"type": "interrupt"})
                done, _ = await asyncio.wait({following}, timeout=GRACE_S)
                cell.end = "interrupted" if done and cell.end in ("ok", "error") else "killed"
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
        if cell.is_over:
            cell.said = await self.close() or ""
        return cell

    async def follow(self, code: str, hear: Callable[[dict[str, Any]], Awaitable[None]]) -> End:
        """Run a cell, and hand on what it says of it until it ends; only an interrupt ends one that takes for ever."""
        await self._order({"type": "run", "code": code})
        while True:
            message = await self._next()
            kind = message.get("type") if message else None
            if message is None or kind == "died":
                return "died"
            if kind == "done":
                return "ok" if message.get("status") == "ok" else "error"
            await hear(message)

    async def interrupt(self) -> None:
        """Interrupt the cell that runs, as Ctrl-C does."""
        await self._order({"type": "interrupt"})

    async def close(self) -> str | None:
        """End it with everything that it has started; gives what ended it before, if something did."""
        said = None
        if self._process is not None:
            if not self._process.done() and self._reader is not None and self._reader.at_eof():
                await asyncio.wait({self._process}, timeout=GRACE_S)  # it is ending: hear why
            self._process.cancel()
            with suppress(asyncio.CancelledError, ParentLost):
                said = await self._process
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError):
                await self._writer.wait_closed()
        return said

    async def _follow(self, cell: Cell, printed: Printed) -> None:
        while True:
            message = await self._next()
            kind = message.get("type") if message else None
            if message is None or kind == "died":
                cell.end = "died"
                return
            if kind == "text":
                stream = _STREAMS.get(str(message.get("stream")), "stdout")
                await printed.hear(stream, str(message.get("text", "")).encode("utf-8", "replace"))
            elif kind == "file" and len(cell.files) < _MAX_FILES:
                cell.files.append(str(message.get("name", "")))
            elif kind == "done":
                cell.end = "ok" if message.get("status") == "ok" else "error"
                return

    async def _next(self) -> dict[str, Any] | None:
        """What it says next; none when it is gone, or says what is no message."""
        if self._reader is None:
            return None
        try:
            message = json.loads(await self._reader.readuntil(b"\n"))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError, RecursionError):
            return None
        return message if isinstance(message, dict) else None

    async def _order(self, order: dict[str, Any]) -> None:
        if self._writer is not None:
            with suppress(OSError):
                self._writer.write(json.dumps(order).encode() + b"\n")
                await self._writer.drain()
