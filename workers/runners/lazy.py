"""The runner of agents, loaded with their first job: half of a worker's memory and of its start is what it needs."""

from __future__ import annotations

import asyncio
from types import ModuleType

from backend.context import AppContext
from workers.sandbox.host.runtime import SandboxRuntime
from workers.types import Assignment, Outcome, Postponed, Recorder, Runner


class AgentsLater:
    """Stands for the runner of agents until there is one."""

    def __init__(self, context: AppContext, house: SandboxRuntime) -> None:
        self._context = context
        self._house = house
        self._loading: asyncio.Task[Runner] | None = None

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end, as the real one does; the first also waits for its code."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load(), name="load the runner of agents")
        runner = await asyncio.shield(self._loading)
        return await runner.run(assignment, recorder)

    async def close(self) -> None:
        """Close the real one if there is one."""
        if self._loading is not None:
            await (await self._loading).close()

    async def _load(self) -> Runner:
        agents = await asyncio.to_thread(_agents)  # a second in which other jobs go on
        runner: Runner = agents.open_agents(self._context, self._house)
        return runner


def _agents() -> ModuleType:
    from workers.runners import agent_environment

    return agent_environment
