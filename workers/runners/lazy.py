"""Load the runners of agents and kernels with their first job, since this takes much memory and time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backend.context import AppContext
from workers.notebooks.assignment import KernelAssignment
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Outcome, Postponed, Recorder, Runner


class LazyAgentRunner:
    """Loads the runner of agents with the first job."""

    def __init__(self, context: AppContext, runtime: SandboxRuntime) -> None:
        self._context = context
        self._runtime = runtime
        self._loading: asyncio.Task[Runner] | None = None

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end; the first one also loads the code."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(), name="load the agent runner")
        runner = await asyncio.shield(self._loading)
        return await runner.run(assignment, recorder)

    async def close(self) -> None:
        """Close the runner if it was loaded."""
        if self._loading is not None:
            await (await self._loading).close()

    async def _load(self) -> Runner:
        open_agents = await asyncio.to_thread(
            _load_open_agents
        )  # takes a second, in which other jobs continue
        return open_agents(self._context, self._runtime)


def _load_open_agents() -> Callable[[AppContext, SandboxRuntime], Runner]:
    from workers.runners.agent_environment import open_agents

    return open_agents


class KernelRunner:
    """The runner of kernels of notebooks."""

    def __init__(self, context: AppContext, runtime: SandboxRuntime) -> None:
        self._context = context
        self._runtime = runtime

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run the kernel until it ends. Errors of cells raise nothing; cancelling the task ends it."""
        if not isinstance(assignment, KernelAssignment):
            raise TypeError("the kernel of a notebook needs a KernelAssignment")
        run_kernel = await asyncio.to_thread(_load_run_kernel)
        return await run_kernel(self._context, self._runtime, assignment, recorder)

    async def close(self) -> None:
        """Do nothing: kernels share nothing."""


def _load_run_kernel() -> Callable[
    [AppContext, SandboxRuntime, KernelAssignment, Recorder], Awaitable[Outcome]
]:
    from workers.notebooks.session import run_kernel

    return run_kernel
