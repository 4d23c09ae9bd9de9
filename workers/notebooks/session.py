"""Run the kernel of one notebook: requested cells run one after the other, until the kernel ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from backend.authoring.notebooks import kernel_state
from backend.authoring.notebooks.kernel_state import KernelAttempt, KernelRequests, NextCell
from backend.context import AppContext
from backend.core.errors import PurasError
from backend.data.secrets.scrub import Scrubber
from backend.execution.events.types import LogEvent
from workers.agent.workspace.kernel import End, Kernel
from workers.agent.workspace.workspace import SandboxWorkspace, open_workspace
from workers.db_retry import DatabaseRetry
from workers.notebooks.assignment import KernelAssignment
from workers.notebooks.cell_output import CellOutput
from workers.sandbox.host.executions.staged_drive import DRIVE_GONE
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.exit_status import NotStarted
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Failure, Measured, Outcome, Recorder, Success

POLL_S: Final = 0.25
"""The interval in which the outputs of a running cell are stored, and interrupts are checked."""
SLOW_POLL_S: Final = 2.0
"""The interval for a cell with large outputs, all of which are stored each time."""
REREAD_S: Final = 1.0
_A_LOT: Final = 100_000
_PAUSE_S: Final = 0.005  # a cell that prints endlessly has to wait
LOST: Final = "kernel_lost"
_WORKER_LEFT: Final = "The worker process of the kernel was stopped, and its variables are lost."


async def run_kernel(
    context: AppContext, runtime: SandboxRuntime, assignment: KernelAssignment, recorder: Recorder
) -> Outcome:
    """Run the kernel until it is idle for too long, the worker drains, or its time limit is reached."""
    started = time.monotonic()
    try:
        async with _open(runtime, assignment, recorder) as workspace:
            outcome = await Session(context, workspace, assignment, recorder).run()
    except PurasError as error:
        return Failure(error.code, error.detail, _measured(started))
    if isinstance(outcome, str):
        return Failure(LOST, outcome, _measured(started))
    return Success(outcome, _measured(started))


class Session:
    """One kernel from its start to its end."""

    def __init__(
        self,
        context: AppContext,
        workspace: SandboxWorkspace,
        assignment: KernelAssignment,
        recorder: Recorder,
    ) -> None:
        self._context = context
        self._open = workspace
        self._assignment = assignment
        self._recorder = recorder
        self._kernel_ref = KernelAttempt(assignment.job_id, assignment.project_id, assignment.attempt)
        self._scrubber = Scrubber(assignment.secrets.values())
        self._kernel: Kernel | None = None
        self._ends_at = time.monotonic() + min(assignment.limits.timeout_s, assignment.paid_s)
        self._interrupts = self._restarts = 0
        """The interrupts and restarts that were carried out."""

    async def run(self) -> dict[str, Any] | str:
        """Return how it ended, or why it was lost.

        Raises:
            PurasError: the kernel could not be started.
        """
        state = await self._read_state()
        if state.boots:
            return _WORKER_LEFT
        self._interrupts, self._restarts = state.interrupts, state.restarts
        try:
            await self._boot("")
            return await self._serve()
        finally:
            if self._kernel is not None:
                await self._kernel.close()

    async def _serve(self) -> dict[str, Any] | str:
        settings = self._context.settings
        used_at = time.monotonic()
        with self._context.wakeups.subscribe(self._assignment.job_id) as notification:
            while not self._assignment.leaving.is_set():
                if self._is_expired():
                    return {"why": self._expiry_reason()}
                state = await self._read_state()
                if state.restarts > self._restarts:
                    await self._reboot(state)
                elif state.cell is not None:
                    self._interrupts = state.interrupts  # requested before this cell
                    await self._run(state.cell)
                elif time.monotonic() - used_at > settings.notebook_idle_s:
                    return {"why": f"It was idle for {settings.notebook_idle_s / 60:g} minutes."}
                else:
                    await notification.wait(REREAD_S)
                    continue
                used_at = time.monotonic()
        return _WORKER_LEFT

    async def _run(self, cell: NextCell) -> None:
        if self._kernel is None or not await self._start_cell(cell):
            return
        output, kernel = CellOutput(), self._kernel

        async def on_message(message: dict[str, Any]) -> None:
            output.add(message)
            if output.is_full:
                await asyncio.sleep(_PAUSE_S)

        following = asyncio.create_task(kernel.follow(cell.code, on_message), name="notebook cell")
        interrupts = self._interrupts
        try:
            has_ended = await self._watch(cell, output, kernel, following)
        finally:
            following.cancel()
            await asyncio.wait({following})
        if has_ended:
            is_interrupted = self._interrupts > interrupts
            await self._finish(cell, output, kernel, following.result(), is_interrupted=is_interrupted)

    async def _watch(
        self, cell: NextCell, output: CellOutput, kernel: Kernel, following: asyncio.Task[End]
    ) -> bool:
        """Store outputs and forward interrupts while the cell runs.

        Return True when the cell has ended, and False when its kernel must end; the caller of `_run` ends the kernel.
        """
        while not (await asyncio.wait({following}, timeout=_poll_s(output)))[0]:
            if output.is_new:
                output.is_new = False
                await self._store_outputs(cell, output, "running")
            state = await self._read_state()
            if state.restarts > self._restarts or self._assignment.leaving.is_set() or self._is_expired():
                output.note("[ended with its kernel]")
                await self._store_outputs(cell, output, "interrupted")
                return False
            if state.interrupts > self._interrupts:
                self._interrupts = state.interrupts
                await kernel.interrupt()
        return True

    async def _finish(
        self, cell: NextCell, output: CellOutput, kernel: Kernel, end: End, *, is_interrupted: bool
    ) -> None:
        """Store the status of the cell, and start a new kernel if the kernel died."""
        if end == "died":
            reason = await kernel.close() or "it ended unexpectedly"
            self._kernel = None
            output.note(f"[the kernel has ended: {reason}]")
        status = "ok" if end == "ok" else "interrupted" if is_interrupted and end == "error" else "error"
        await self._store_outputs(cell, output, status)
        if end == "died":
            await self._boot("The kernel ended and was restarted: variables and imports are lost.")

    def _is_expired(self) -> bool:
        return time.monotonic() > self._ends_at

    def _expiry_reason(self) -> str:
        if self._assignment.paid_s < self._assignment.limits.timeout_s:
            return (
                "The money that was reserved for it is used up. A new kernel reserves the same amount again."
            )
        return f"It reached the maximum of {self._assignment.limits.timeout_s / 3600:g} hours."

    async def _reboot(self, state: KernelRequests) -> None:
        if self._kernel is not None:
            await self._kernel.close()
            self._kernel = None
        self._interrupts, self._restarts = state.interrupts, state.restarts
        await self._boot("The kernel was restarted: variables and imports are lost.")

    async def _boot(self, note: str) -> None:
        self._kernel = await self._open.notebook_kernel()
        self._recorder.record(
            LogEvent(stream="system", text=note or "The kernel of the notebook has started.")
        )
        retry = self._retry()
        while True:
            async with retry:
                await kernel_state.record_boot(self._context.database, self._kernel_ref, note)
                return

    async def _start_cell(self, cell: NextCell) -> bool:
        retry = self._retry()
        while True:
            async with retry:
                return await kernel_state.start_cell(self._context.database, self._kernel_ref, cell.id)

    async def _store_outputs(self, cell: NextCell, output: CellOutput, status: str) -> None:
        outputs = self._scrubber.scrub(list(output.outputs))
        retry = self._retry()
        while True:
            async with retry:
                await kernel_state.store_outputs(
                    self._context.database,
                    self._kernel_ref,
                    cell.id,
                    status=status,
                    count=output.count,
                    outputs=outputs,
                )
                return

    async def _read_state(self) -> KernelRequests:
        retry = self._retry()
        while True:
            async with retry:
                return await kernel_state.read_requests(self._context.database, self._kernel_ref)

    def _retry(self) -> DatabaseRetry:
        return DatabaseRetry("kernel delayed: database unavailable", job_id=str(self._assignment.job_id))


@asynccontextmanager
async def _open(
    runtime: SandboxRuntime, assignment: KernelAssignment, recorder: Recorder
) -> AsyncIterator[SandboxWorkspace]:
    try:
        workspace = await open_workspace(runtime, assignment, assignment.skill, recorder)
    except NotStarted:
        raise SandboxUnavailable(DRIVE_GONE) from None
    try:
        yield workspace
    finally:
        await workspace.close()
    if not workspace.is_drive_complete:
        raise SandboxUnavailable(DRIVE_GONE)


def _poll_s(output: CellOutput) -> float:
    size = sum(len(str(one.get("text", ""))) + len(str(one.get("data", ""))) for one in output.outputs)
    return SLOW_POLL_S if size > _A_LOT else POLL_S


def _measured(started: float) -> Measured:
    return Measured(time.monotonic() - started)
