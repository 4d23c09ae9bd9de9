"""Hash passwords in a few threads with a bounded queue, because each hash takes a core and 64 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from backend.core.errors import Unavailable

ResultT = TypeVar("ResultT")

THREADS: Final = 2
MAX_WAITING: Final = 32
"""About two seconds of work on two cores. Further sign-ins are rejected with `Retry-After`: otherwise a flood of
sign-ins from many IP addresses would delay all users and keep all their requests in memory."""
RETRY_AFTER_S: Final = 5


class Hashers:
    """Run hash functions in threads."""

    def __init__(self, *, threads: int = THREADS, max_waiting: int = MAX_WAITING) -> None:
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="argon2")
        self._max_active = threads + max_waiting
        self._active = 0

    async def run(self, function: Callable[[], ResultT]) -> ResultT:
        """Run the function in a thread and return its result.

        Raises:
            Unavailable: The queue is full.
        """
        if self._active >= self._max_active:
            raise Unavailable(
                "Too many users are signing in right now. Try again in a few seconds.",
                retry_after_s=RETRY_AFTER_S,
            )
        self._active += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function)
        finally:
            self._active -= 1
