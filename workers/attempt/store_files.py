"""Store the files that a run has written, and describe those that its result names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable
from backend.core.errors import PurasError
from backend.data.drive.file_refs import NamedFile, named_files
from backend.execution.events.types import LogEvent
from backend.execution.jobs.attempts.finish import AttemptResult
from backend.skills.manifest.types import Skill
from backend.storage import Storage
from backend.storage.errors import StorageUnavailable
from backend.storage.mime import sniff
from backend.storage.paths import parse_drive_path
from workers.attempt.attempt import Attempt
from workers.attempt.types import Prepared
from workers.attempt.usage import compute_used, usage_of
from workers.drives.deletions import Deletions
from workers.drives.scan import Changes
from workers.types import Failure, Outcome, Postponed

SNIFFED_BYTES = 4096
MAX_LISTED = 10_000
"""Maximum paths of one result that are checked, so that a result with many paths does not delay other
jobs."""


async def output_files(storage: Storage, project_id: UUID, skill: Skill, result: Any) -> list[dict[str, Any]]:
    """Return the files of a checked result, each once, as `{name, drive_path, size_bytes, mime, version}`.

    Raises:
        StorageUnavailable: the storage did not return which of them exist.
    """
    found: dict[str, dict[str, Any]] = {}
    for path, name in _first_names(named_files(skill.output_schema, result)).items():
        try:
            file = await _described(storage, project_id, path)
        except StorageUnavailable:
            raise
        except PurasError:
            continue  # a URL, or a file that does not exist: the value stays what the skill returned
        found.setdefault(file["drive_path"], {"name": name, **file})
    return list(found.values())


def _first_names(named: Iterable[NamedFile]) -> dict[str, str]:
    """Return each path with the first value that names it.

    Text that only looks like a path is not an output.
    """
    names: dict[str, str] = {}
    for file in named:
        if file.is_certain and file.drive_path is not None:
            names.setdefault(file.drive_path, file.name)
        if len(names) == MAX_LISTED:
            break
    return names


async def _described(storage: Storage, project_id: UUID, path: str) -> dict[str, Any]:
    outgoing = await storage.open_read(project_id, parse_drive_path(path))
    try:
        entry = outgoing.entry
        head = b"".join([chunk async for chunk in outgoing.chunks(0, min(SNIFFED_BYTES, entry.size_bytes))])
    finally:
        await outgoing.close()
    return {
        "drive_path": str(entry.path),
        "size_bytes": entry.size_bytes,
        "mime": sniff(head, str(entry.path).rsplit("/", 1)[-1]),
        "version": entry.version,
    }


log = logs.get(__name__)

PAUSE_S: Final = 2.0
GIVE_UP_S: Final = 120.0
"""The time for which a result waits in the worker for an unavailable storage or database."""


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
        return AttemptResult(
            "failed", error=error, error_code=outcome.code, usage=usage, used=used, frame=outcome.frame
        )
    try:
        value, files = await _store(attempt, prepared, outcome.value, recorder)
    except PurasError as problem:
        error = attempt.error_text(
            f"The job returned a result, but its files were not stored: {problem.detail}"
        )
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
            if prepared.skill.is_trial:  # its drive is not that of the project
                return value, []
            value = await _store_changes(attempt, prepared, value, recorder)
            files = await output_files(
                attempt.context.storage, attempt.job_attempt.project_id, prepared.skill, value
            )
            return value, files
        except (StorageUnavailable, *DatabaseUnavailable):
            if time.monotonic() > deadline:
                raise
            log.warning("files of a job not stored yet; retrying", job_id=str(attempt.job_attempt.job_id))
        await asyncio.sleep(PAUSE_S)


async def _store_changes(attempt: Attempt, prepared: Prepared, value: Any, recorder: Deletions) -> Any:
    """Store what changed in a folder that stands for the drive; a live drive has it already."""
    drives, drive = attempt.drives, prepared.staged_drive
    if drives is None or drive is None:
        return value
    found = await drives.store_changes(drive, attempt.job_attempt, recorder.paths)
    if found.count_omitted:
        recorder.record(LogEvent(stream="system", level="warning", text=_omitted_text(found)))
    return drive.with_final_paths(value)


def _omitted_text(found: Changes) -> str:
    more = found.count_omitted - len(found.omitted)
    tail = f" and {more} more" if more else ""
    return f"These files of ./drive were not stored: {', '.join(found.omitted)}{tail}."
