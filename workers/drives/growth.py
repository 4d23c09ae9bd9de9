"""A job in a live drive that holds more than it may: it runs, so that it can free space, and must not take more.

The drive is measured when the job begins, every now and then, and when it has ended; what was written until it was
noticed stays. Jobs of one project share the drive: whichever of them made it larger, all that are held end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from backend.config.quotas import Quota
from backend.data.drive.usage import Usage
from backend.storage import Storage
from backend.storage.file_errors import DriveGrew
from workers.types import Failure, Measured, Outcome, Postponed, Success

TICK_S: Final = 0.2
_SHARE: Final = 20
"""A measurement that took a second is repeated after twenty."""


@dataclass(frozen=True, slots=True)
class Held:
    """An overfilled drive, and how much it may hold until there is room again."""

    storage: Storage
    project_id: UUID
    usage: Usage
    before_bytes: int
    before_files: int

    async def growth(self) -> DriveGrew | None:
        """Return the error of the job that runs in the drive, once the drive is larger than it may be."""
        found, usage = await self.storage.measure(self.project_id), self.usage
        if found.bytes > max(self.before_bytes, usage.most_bytes):
            more = found.bytes - self.before_bytes
            return DriveGrew(Quota.DRIVE_MB, usage.most_bytes, self.before_bytes, more)
        if found.files > max(self.before_files, usage.most_files):
            more = found.files - self.before_files
            return DriveGrew(Quota.DRIVE_FILES, usage.most_files, self.before_files, more)
        return None


async def held(storage: Storage, project_id: UUID, usage: Usage) -> Held:
    """Return the drive with its present size, for a job that is about to start in it."""
    found = await storage.measure(project_id)
    return Held(storage, project_id, usage, found.bytes, found.files)


async def fail_on_growth(
    drive: Held | None, run: Coroutine[Any, Any, Outcome | Postponed]
) -> Outcome | Postponed:
    """Return the outcome of a run; once the drive, if there is one, has grown, cancel the run and return a failure."""
    if drive is None:
        return await run
    began, pause_s = time.monotonic(), TICK_S
    task = asyncio.ensure_future(run)
    try:
        while True:
            await asyncio.wait({task}, timeout=pause_s)
            is_done, looked = task.done(), time.monotonic()
            grew = await drive.growth()
            if is_done:
                return _judged(task.result(), grew)
            if grew is not None:
                return Failure(grew.code, grew.detail, Measured(time.monotonic() - began))
            pause_s = max(TICK_S, _SHARE * (time.monotonic() - looked))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _judged(outcome: Outcome | Postponed, grew: DriveGrew | None) -> Outcome | Postponed:
    if grew is None or not isinstance(outcome, Success):
        return outcome  # a job that failed by itself keeps its own error
    return Failure(grew.code, grew.detail, outcome.measured)
