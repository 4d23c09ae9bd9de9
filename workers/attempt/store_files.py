"""Store the files that a run has written, and describe those that its result names."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable
from backend.core.errors import PurasError
from backend.execution.events.types import LogEvent
from backend.execution.jobs.finish import AttemptResult
from backend.storage.errors import StorageUnavailable
from workers.attempt.attempt import Attempt
from workers.attempt.named_files import output_files
from workers.attempt.types import Prepared
from workers.attempt.usage import compute_used, usage_of
from workers.drives.deletions import Deletions
from workers.drives.scan import Changes
from workers.types import Failure, Outcome, Postponed

log = logs.get(__name__)

PAUSE_S: Final = 2.0
GIVE_UP_S: Final = 120.0
"""How long a result waits in the worker for a storage or a database that is unavailable."""


async def store_files(
    attempt: Attempt, prepared: Prepared, outcome: Outcome | Postponed, recorder: Deletions
) -> AttemptResult | Postponed:
    """Return how the run ended, after its files are stored; a run that failed changes no remote drive.

    Raises:
        AttemptLost: the attempt is not the running one any more.
        PurasError: the files of a run that is postponed could not be stored.
    """
    if isinstance(outcome, Postponed):
        await _store(attempt, prepared, None, recorder)
        return outcome
    usage, used = usage_of(outcome.measured), compute_used(attempt, outcome.measured.wall_s)
    if isinstance(outcome, Failure):
        error = attempt.error_text(outcome.message)
        return AttemptResult("failed", error=error, error_code=outcome.code, usage=usage, used=used)
    try:
        value, files = await _store(attempt, prepared, outcome.value, recorder)
    except PurasError as problem:
        error = attempt.error_text(f"The job ended well, but its files were not stored: {problem.detail}")
        return AttemptResult(
            "failed", result=outcome.value, error=error, error_code=problem.code, usage=usage, used=used
        )
    return AttemptResult("succeeded", result=value, outputs=files, usage=usage, used=used)


async def _store(
    attempt: Attempt, prepared: Prepared, value: Any, recorder: Deletions
) -> tuple[Any, list[dict[str, Any]]]:
    """Return the result with the final paths of its files, and what they are, once all of them are stored.

    Repeats what failed while the storage or the database is unavailable.
    """
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            value = await _store_changes(attempt, prepared, value, recorder)
            files = await output_files(
                attempt.context.storage, attempt.claimed.project_id, prepared.skill, value
            )
            return value, files
        except (StorageUnavailable, *DatabaseUnavailable):
            if time.monotonic() > deadline:
                raise
            log.warning("files of a job not stored yet; trying again", job_id=str(attempt.claimed.job_id))
        await asyncio.sleep(PAUSE_S)


async def _store_changes(attempt: Attempt, prepared: Prepared, value: Any, recorder: Deletions) -> Any:
    """Store what changed in a folder that stands for the drive; a live drive has it already."""
    drives, drive = attempt.drives, prepared.own_drive
    if drives is None or drive is None:
        return value
    found = await drives.put_back(drive, attempt.claimed, recorder.paths)
    if found.count_left_out:
        recorder.record(LogEvent(stream="system", level="warning", text=_left_out(found)))
    return drive.as_placed(value)


def _left_out(found: Changes) -> str:
    more = found.count_left_out - len(found.left_out)
    tail = f" and {more} more" if more else ""
    return f"Not kept of ./drive: {', '.join(found.left_out)}{tail}."
