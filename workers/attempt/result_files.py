"""The files of a job that succeeded: put back where drives are, and described in its outputs."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from backend.context import AppContext
from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable
from backend.execution.jobs.claim import Claimed
from backend.storage.errors import StorageUnavailable
from workers.attempt.named_files import output_files
from workers.attempt.prepare import Prepared
from workers.attempt.result_validation import Kept
from workers.drives.deletions import Deletions
from workers.drives.scan import Changes
from workers.drives.staged import OwnDrive, OwnDrives

log = logs.get(__name__)

PAUSE_S: Final = 2.0
GIVE_UP_S: Final = 120.0
"""How long a result waits in the worker for a storage or a database that is away."""


async def kept_files(
    context: AppContext,
    drives: OwnDrives | None,
    claimed: Claimed,
    prepared: Prepared,
    *,
    value: Any,
    recorder: Deletions,
    give_up_s: float = GIVE_UP_S,
) -> Kept:
    """The result and the files that it names, once all of them are stored; goes through absences of the storage.

    Raises:
        AttemptLost: the attempt is not the running one any more.
        PurasError: not everything could be stored; `StorageUnavailable` when the storage stayed away.
    """
    deadline = time.monotonic() + give_up_s
    while True:
        try:
            if drives is not None and prepared.own_drive is not None:
                await _put_back(drives, prepared.own_drive, claimed, recorder)
                value = prepared.own_drive.as_placed(value)
            files = await output_files(context.storage, claimed.project_id, prepared.skill, value)
            return Kept(value, files)
        except (StorageUnavailable, *DatabaseUnavailable):
            if time.monotonic() > deadline:
                raise
            log.warning("files of a job not stored yet; trying again", job_id=str(claimed.job_id))
        await asyncio.sleep(PAUSE_S)


async def _put_back(drives: OwnDrives, drive: OwnDrive, claimed: Claimed, recorder: Deletions) -> None:
    found = await drives.put_back(drive, claimed, recorder.paths)
    if found.count_left_out:
        recorder.record("log", {"stream": "system", "level": "warning", "text": _left_out(found)})


def _left_out(found: Changes) -> str:
    more = found.count_left_out - len(found.left_out)
    tail = f" and {more} more" if more else ""
    return f"Not kept of ./drive: {', '.join(found.left_out)}{tail}."
