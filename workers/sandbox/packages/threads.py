"""Threads for the files of packages: large trees that one project made must not hold up the threads of all others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

MAX_THREADS: Final = 6
"""One for each place of an installation or a build: each of them uses one at a time."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Threads:
    """A few threads of their own."""

    def __init__(self, count: int = MAX_THREADS) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="packages")

    async def run(
        self, function: Callable[Parameters, Result], *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Result:
        """Call a function in one of the threads; one that runs is not stopped when the task is cancelled."""
        return await asyncio.wrap_future(self._pool.submit(function, *args, **kwargs))

    def close(self) -> None:
        """Take no more calls; those that run end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)
