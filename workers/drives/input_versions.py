"""Check that input files still have the version that the submitter of the job was allowed to read."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.storage import Storage
from backend.storage.file_errors import BadDrivePath, DriveFileMissing
from backend.storage.paths import parse_drive_path
from workers.drives.errors import InputFileChanged

_HAS_READ: Final = text("""
select 1 from journal_entries j join jobs on jobs.id = j.job_id
where j.job_id = :job_id and jobs.project_id = :project_id and j.kind = 'opening' limit 1
""")


async def unchecked(session: AnySession, job_attempt: JobAttempt) -> dict[str, str]:
    """Return the versions that have to be checked before the attempt.

    An agent that is resumed has read its files in an earlier attempt, and may have changed them itself since.
    """
    if not job_attempt.input_versions:
        return {}
    if job_attempt.type == "agentic" and job_attempt.attempt > 1:
        values = {"job_id": job_attempt.job_id, "project_id": job_attempt.project_id}
        if (await session.execute(_HAS_READ, values)).first() is not None:
            return {}
    return job_attempt.input_versions


async def require_unchanged(storage: Storage, project_id: UUID, versions: dict[str, str]) -> None:
    """Reject files that are no longer of the versions.

    Raises:
        InputFileChanged: with the first one.
        StorageUnavailable: the storage is unavailable.
    """
    for path, version in versions.items():
        try:
            entry = await storage.stat(project_id, parse_drive_path(f"drive/{path}"))
        except (DriveFileMissing, BadDrivePath):
            raise InputFileChanged(path) from None
        if entry.version != version:
            raise InputFileChanged(path)
