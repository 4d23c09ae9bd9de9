"""Work that a process does alongside its main work, for as long as it runs.

Each task handles the errors that are expected. An unexpected one must not end it: no other code awaits the task, so it
would stop for the rest of the process, without a sign.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from backend.core import logs

log = logs.get(__name__)


@contextmanager
def log_and_continue(task: str, **facts: Any) -> Iterator[None]:
    """Log an unexpected error instead of raising it, so that the next round of a task follows."""
    try:
        yield
    except Exception as error:  # the last resort
        log.exception(
            "unexpected error in a background task, continuing", task=task, error=str(error), **facts
        )


@dataclass(frozen=True, slots=True)
class PeriodicTask:
    """Work that a process repeats; the module that knows the work defines its task."""

    name: str
    interval_s: float
    run: Callable[[], Awaitable[float | None]]
    """Do the work once. It may return after how many seconds it must run again, instead of the interval."""
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep
    """Wait for so many seconds, or until there is work."""
    close: Callable[[], Awaitable[None]] | None = None
    """Release what the task holds, once it is cancelled."""

    async def repeat(self) -> None:
        """Repeat the work until cancelled."""
        try:
            while True:
                pause_s = None
                with log_and_continue(self.name):
                    pause_s = await self.run()
                await self.wait(self.interval_s if pause_s is None else pause_s)
        finally:
            if self.close is not None:
                await self.close()
