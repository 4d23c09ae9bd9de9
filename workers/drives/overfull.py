"""Run jobs in a live drive that exceeds its quota: they may free space, and must not use more.

The drive is measured when a job starts, at intervals, and after its end; what was written until then stays. Jobs of one
project share the drive: if any of them makes it larger, all of them fail.
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
"""The pause after a measurement, as a multiple of its duration."""


@dataclass(frozen=True, slots=True)
class OverfullDrive:
    """A drive that exceeds its quota, and its size at the start of the job."""

    storage: Storage
    project_id: UUID
    usage: Usage
    before_bytes: int
    before_files: int

    async def measure_growth(self) -> DriveGrew | None:
        """Return the error of the job that runs in the drive, once the drive is larger than it may be."""
        found, usage = await self.storage.measure(self.project_id), self.usage
        if found.bytes > max(self.before_bytes, usage.max_bytes):
            more = found.bytes - self.before_bytes
            return DriveGrew(Quota.DRIVE_MB, usage.max_bytes, self.before_bytes, more)
        if found.files > max(self.before_files, usage.max_files):
            more = found.files - self.before_files
            return DriveGrew(Quota.DRIVE_FILES, usage.max_files, self.before_files, more)
        return None


async def measure_overfull(storage: Storage, project_id: UUID, usage: Usage) -> OverfullDrive:
    """Return the drive with its present size, for a job that is about to start in it."""
    found = await storage.measure(project_id)
    return OverfullDrive(storage, project_id, usage, found.bytes, found.files)


async def fail_on_growth(
    drive: OverfullDrive | None, run: Coroutine[Any, Any, Outcome | Postponed]
) -> Outcome | Postponed:
    """Return the outcome of a run; once the drive, if there is one, has grown, cancel the run and return a failure."""
    if drive is None:
        return await run
    started, pause_s = time.monotonic(), TICK_S
    task = asyncio.ensure_future(run)
    try:
        while True:
            await asyncio.wait({task}, timeout=pause_s)
            is_done, measured_at = task.done(), time.monotonic()
            growth = await drive.measure_growth()
            if is_done:
                return _with_growth(task.result(), growth)
            if growth is not None:
                return Failure(growth.code, growth.detail, Measured(time.monotonic() - started))
            pause_s = max(TICK_S, _SHARE * (time.monotonic() - measured_at))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _with_growth(outcome: Outcome | Postponed, growth: DriveGrew | None) -> Outcome | Postponed:
    if growth is None or not isinstance(outcome, Success):
        return outcome  # a failed job keeps its own error
    return Failure(growth.code, growth.detail, outcome.measured)
