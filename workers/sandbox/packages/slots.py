"""Assign slots and threads to installations and builds.

A project has one slot at a time, and projects get slots in turn.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from workers.sandbox.packages.errors import EnvironmentFailed

MAX_THREADS: Final = 6
"""One for each slot of an installation or a build, each of which uses one at a time."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """A small pool of threads, so that large package trees do not block other threads."""

    def __init__(self, count: int = MAX_THREADS) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="packages")

    async def run(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call a function in one of the threads; cancelling the task does not stop it."""
        return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))

    def close(self) -> None:
        """Accept no more calls; running ones finish."""
        self._pool.shutdown(wait=False, cancel_futures=True)


MAX_WAITING: Final = 20
"""Maximum of one project, for one kind of slot."""


class Slot:
    """One installation or build that waits for a slot, or has it."""

    def __init__(self) -> None:
        self.granted: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        """The project to which the slot is granted."""


class SlotQueue:
    """Grants slots, the next one to the project that has waited longest since its last one."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: dict[UUID, deque[Slot]] = {}
        """Projects in the order in which they get slots."""
        self._active: set[UUID] = set()

    def join(self, project_id: UUID, slot: Slot) -> None:
        """Wait for a slot on behalf of a project; if several projects wait for the same slot, the first gets it.

        Raises:
            EnvironmentFailed: The project waits for too many.
        """
        if slot.granted.done() or slot in self._waiting.get(project_id, ()):
            return
        if len(self._waiting.get(project_id, ())) >= MAX_WAITING:
            raise EnvironmentFailed(
                f"The project has {MAX_WAITING} other pending installations of packages on this worker. Run "
                "the job again when they have ended, or use one requirements.txt for several skills."
            )
        self._waiting.setdefault(project_id, deque()).append(slot)
        self._admit()

    def leave(self, slot: Slot) -> None:
        """Free a slot, or stop waiting for it; called once for each."""
        if not slot.granted.done():
            slot.granted.cancel()
            self._forget(slot)
            return
        project_id = slot.granted.result()
        self._active.discard(project_id)
        self._free += 1
        if project_id in self._waiting:  # after all others, also those that joined later
            self._waiting[project_id] = self._waiting.pop(project_id)
        self._admit()

    def _admit(self) -> None:
        for project_id in list(self._waiting):
            if not self._free:
                return
            if project_id in self._active or project_id not in self._waiting:
                continue
            slot = self._waiting[project_id][0]
            self._forget(slot)
            self._free -= 1
            self._active.add(project_id)
            slot.granted.set_result(project_id)

    def _forget(self, slot: Slot) -> None:
        for project_id, slots in list(self._waiting.items()):
            if slot in slots:
                slots.remove(slot)
            if not slots:
                del self._waiting[project_id]
