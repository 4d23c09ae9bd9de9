"""Holds the kernel of one notebook: runs the cells that people want run, one after the other, until something ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from backend.authoring.notebooks import driving
from backend.authoring.notebooks.driving import Held, Next, Wanted
from backend.execution.events.types import LogEvent
from backend.context import AppContext
from backend.core.errors import PurasError
from backend.data.secrets.scrub import Scrubber
from workers.agent.workspace.kernel import Kernel
from workers.agent.workspace.workspace import SandboxWorkspace, open_workspace
from workers.db_retry import DatabaseRetry
from workers.notebooks.assignment import KernelAssignment
from workers.notebooks.cell_output import Gathered
from workers.sandbox.host.exit_status import NotStarted
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.staged_drive import DRIVE_GONE
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Failure, Measured, Outcome, Recorder, Success

LOOK_S: Final = 0.25
"""How often what a cell has given is stored while it runs, and looked whether it is to be interrupted."""
SLOW_LOOK_S: Final = 2.0
"""The same for a cell that has given a lot: all of it is stored each time."""
REREAD_S: Final = 1.0
_A_LOT: Final = 100_000
_PAUSE_S: Final = 0.005  # a cell that prints without end must wait, not the worker work
LOST: Final = "kernel_lost"
_WORKER_LEFT: Final = "The worker process that held the kernel was stopped, and its variables are gone."


async def hold(
    context: AppContext, house: SandboxRuntime, assignment: KernelAssignment, recorder: Recorder
) -> Outcome:
    """Hold the kernel until it is idle for too long, the worker leaves, or its time is over."""
    began = time.monotonic()
    try:
        async with _room(house, assignment, recorder) as room:
            outcome = await Session(context, room, assignment, recorder).run()
    except PurasError as error:
        return Failure(error.code, error.detail, _measured(began))
    if isinstance(outcome, str):
        return Failure(LOST, outcome, _measured(began))
    return Success(outcome, _measured(began))


class Session:
    """One kernel from its start to its end."""

    def __init__(
        self, context: AppContext, room: SandboxWorkspace, assignment: KernelAssignment, recorder: Recorder
    ) -> None:
        self._context = context
        self._room = room
        self._assignment = assignment
        self._recorder = recorder
        self._held = Held(assignment.job_id, assignment.project_id, assignment.attempt)
        self._scrubber = Scrubber(assignment.secrets.values())
        self._kernel: Kernel | None = None
        self._ends_at = time.monotonic() + min(assignment.limits.timeout_s, assignment.paid_s)
        self._interrupts = self._restarts = 0
        """How many of those that people asked for have been done."""

    async def run(self) -> dict[str, Any] | str:
        """How it ended well, or why it is lost.

        Raises:
            PurasError: there is no kernel to be had.
        """
        wanted = await self._wanted()
        if wanted.boots:
            return _WORKER_LEFT
        self._interrupts, self._restarts = wanted.interrupts, wanted.restarts
        try:
            await self._boot("")
            return await self._serve()
        finally:
            if self._kernel is not None:
                await self._kernel.close()

    async def _serve(self) -> dict[str, Any] | str:
        settings = self._context.settings
        used_at = time.monotonic()
        with self._context.wakeups.bell(self._assignment.job_id) as bell:
            while not self._assignment.leaving.is_set():
                if self._is_over():
                    return {"why": self._why_it_is_over()}
                wanted = await self._wanted()
                if wanted.restarts > self._restarts:
                    await self._reboot(wanted)
                elif wanted.cell is not None:
                    self._interrupts = wanted.interrupts  # asked for before this cell was
                    await self._run(wanted.cell)
                elif time.monotonic() - used_at > settings.notebook_idle_s:
                    return {"why": f"It ran nothing for {settings.notebook_idle_s / 60:g} minutes."}
                else:
                    await bell.wait(REREAD_S)
                    continue
                used_at = time.monotonic()
        return _WORKER_LEFT

    async def _run(self, cell: Next) -> None:
        if self._kernel is None or not await self._begin(cell):
            return
        gathered, kernel = Gathered(), self._kernel

        async def hear(message: dict[str, Any]) -> None:
            gathered.take(message)
            if gathered.is_full:
                await asyncio.sleep(_PAUSE_S)

        following = asyncio.create_task(kernel.follow(cell.code, hear), name="cell of a notebook")
        is_interrupted = False
        try:
            while not (await asyncio.wait({following}, timeout=_look_s(gathered)))[0]:
                if gathered.is_new:
                    gathered.is_new = False
                    await self._give(cell, gathered, "running")
                wanted = await self._wanted()
                if wanted.restarts > self._restarts or self._assignment.leaving.is_set() or self._is_over():
                    gathered.note("[ended with its kernel]")
                    await self._give(cell, gathered, "interrupted")
                    return  # what follows sees to the kernel
                if wanted.interrupts > self._interrupts:
                    self._interrupts, is_interrupted = wanted.interrupts, True
                    await kernel.interrupt()
        finally:
            following.cancel()
            await asyncio.wait({following})
        end = following.result()
        if end == "died":
            said = await kernel.close() or "it ended by itself"
            self._kernel = None
            gathered.note(f"[the kernel is gone: {said}]")
        status = "ok" if end == "ok" else "interrupted" if is_interrupted and end == "error" else "error"
        await self._give(cell, gathered, status)
        if end == "died":
            await self._boot("The kernel ended and was begun anew: variables and imports are gone.")

    def _is_over(self) -> bool:
        return time.monotonic() > self._ends_at

    def _why_it_is_over(self) -> str:
        if self._assignment.paid_s < self._assignment.limits.timeout_s:
            return "What was held of the wallet for it is used up. A new kernel holds as much again."
        return f"It lived for {self._assignment.limits.timeout_s / 3600:g} hours, which is the most."

    async def _reboot(self, wanted: Wanted) -> None:
        if self._kernel is not None:
            await self._kernel.close()
            self._kernel = None
        self._interrupts, self._restarts = wanted.interrupts, wanted.restarts
        await self._boot("The kernel was begun anew: variables and imports are gone.")

    async def _boot(self, said: str) -> None:
        self._kernel = await self._room.notebook_kernel()
        self._recorder.record(LogEvent(stream="system", text=said or "The kernel of the notebook has begun."))
        retry = self._retry()
        while True:
            async with retry:
                await driving.booted(self._context.database, self._held, said)
                return

    async def _begin(self, cell: Next) -> bool:
        retry = self._retry()
        while True:
            async with retry:
                return await driving.begin(self._context.database, self._held, cell.id)

    async def _give(self, cell: Next, gathered: Gathered, status: str) -> None:
        outputs = self._scrubber.scrub(list(gathered.outputs))
        retry = self._retry()
        while True:
            async with retry:
                await driving.give(
                    self._context.database,
                    self._held,
                    cell.id,
                    status=status,
                    count=gathered.count,
                    outputs=outputs,
                )
                return

    async def _wanted(self) -> Wanted:
        retry = self._retry()
        while True:
            async with retry:
                return await driving.wanted(self._context.database, self._held)

    def _retry(self) -> DatabaseRetry:
        return DatabaseRetry("a kernel waits for the database", job_id=str(self._assignment.job_id))


@asynccontextmanager
async def _room(
    house: SandboxRuntime, assignment: KernelAssignment, recorder: Recorder
) -> AsyncIterator[SandboxWorkspace]:
    try:
        room = await open_workspace(house, assignment, assignment.skill, recorder)
    except NotStarted:
        raise SandboxUnavailable(DRIVE_GONE) from None
    try:
        yield room
    finally:
        await room.close()
    if not room.drive_is_whole:
        raise SandboxUnavailable(DRIVE_GONE)


def _look_s(gathered: Gathered) -> float:
    size = sum(len(str(one.get("text", ""))) + len(str(one.get("data", ""))) for one in gathered.outputs)
    return SLOW_LOOK_S if size > _A_LOT else LOOK_S


def _measured(began: float) -> Measured:
    return Measured(time.monotonic() - began)
