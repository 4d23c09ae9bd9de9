"""Places for installations and builds: one per project at a time, in turn between projects."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final
from uuid import UUID

from workers.sandbox.packages.errors import EnvironmentFailed

MAX_WAITING: Final = 20
"""Of one project, for one kind of place."""


class Turn:
    """One installation or build that waits for a place, or has it."""

    def __init__(self) -> None:
        self.came: asyncio.Future[UUID] = asyncio.get_running_loop().create_future()
        """The project whose place it is."""


class Turns:
    """Gives out a few places: the next one to the project that has waited longest since it had one."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._waiting: dict[UUID, deque[Turn]] = {}
        """In the order of their turns."""
        self._active: set[UUID] = set()

    def join(self, project_id: UUID, turn: Turn) -> None:
        """Wait for a place on behalf of a project; several projects may wait for one turn, and the first gets it.

        Raises:
            EnvironmentFailed: The project waits for too many.
        """
        if turn.came.done() or turn in self._waiting.get(project_id, ()):
            return
        if len(self._waiting.get(project_id, ())) >= MAX_WAITING:
            raise EnvironmentFailed(
                f"The project has {MAX_WAITING} other installations of packages that wait on this worker. Run the job "
                "again when they have ended, or let its skills share one requirements.txt."
            )
        self._waiting.setdefault(project_id, deque()).append(turn)
        self._admit()

    def leave(self, turn: Turn) -> None:
        """Free the place of a turn, or stop waiting for it; called once for each."""
        if not turn.came.done():
            turn.came.cancel()
            self._forget(turn)
            return
        project_id = turn.came.result()
        self._active.discard(project_id)
        self._free += 1
        if project_id in self._waiting:  # behind the others, also those that came after it
            self._waiting[project_id] = self._waiting.pop(project_id)
        self._admit()

    def _admit(self) -> None:
        for project_id in list(self._waiting):
            if not self._free:
                return
            if project_id in self._active or project_id not in self._waiting:
                continue
            turn = self._waiting[project_id][0]
            self._forget(turn)
            self._free -= 1
            self._active.add(project_id)
            turn.came.set_result(project_id)

    def _forget(self, turn: Turn) -> None:
        for project_id, turns in list(self._waiting.items()):
            if turn in turns:
                turns.remove(turn)
            if not turns:
                del self._waiting[project_id]
