"""Runs the job that is the kernel of a notebook; its code is loaded with the first, as that of agents is."""

from __future__ import annotations

import asyncio
from importlib import import_module

from backend.context import AppContext
from workers.notebooks.assignment import KernelAssignment
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Outcome, Postponed, Recorder


class KernelRunner:
    """The runner of kernels of notebooks."""

    def __init__(self, context: AppContext, house: SandboxRuntime) -> None:
        self._context = context
        self._house = house

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Hold the kernel until it ends. Never raises for what cells do; cancelling the task ends it."""
        if not isinstance(assignment, KernelAssignment):
            raise TypeError("the kernel of a notebook needs a KernelAssignment")
        session = await asyncio.to_thread(import_module, "workers.notebooks.session")
        outcome: Outcome = await session.hold(self._context, self._house, assignment, recorder)
        return outcome

    async def close(self) -> None:
        """Nothing is shared between kernels."""
