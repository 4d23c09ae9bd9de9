"""Threads for what takes a core and 64 MiB each time: few of them, and a queue that has an end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from backend.core.errors import Unavailable

Result = TypeVar("Result")

THREADS: Final = 2
MAX_WAITING: Final = 32
"""About two seconds of work on two cores: who would stand behind that is told to come back, or a flood of sign-ins from
many addresses would make everybody wait, and keep everything they sent in memory."""
RETRY_AFTER_S: Final = 5


class Hashers:
    """Runs hashing beside the event loop."""

    def __init__(self, *, threads: int = THREADS, most_waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        self._most = threads + most_waiting
        self._taken = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What the work gives.

        Raises:
            Unavailable: too many wait already.
        """
        if self._taken >= self._most:
            raise Unavailable(
                "Too many people are signing in at this moment. Try again in a few seconds.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._taken += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._taken -= 1
