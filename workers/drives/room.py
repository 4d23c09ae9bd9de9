"""Room in a drive that is elsewhere, for what a job puts back into it.

It is taken before the first file is sent, as that of an upload is, and what was not needed is given back. A file whose
sending was begun counts even when nobody can tell whether it arrived: rather too much is counted than too little, until
the drive is looked at after the job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID

from backend.data.drive import usage
from backend.data.drive.usage import Drives
from backend.storage import Holdings
from backend.storage.paths import DrivePath

Counted = dict[DrivePath, int | None]
"""With how many bytes the drive's count has each file that a job changes; none: there is no such file."""


@asynccontextmanager
async def taken(
    drives: Drives, project_id: UUID, counted: Counted, wanted: Mapping[DrivePath, int | None]
) -> AsyncIterator[None]:
    """Room for the files as they are wanted; in the end that of the files as the block has `counted` them.

    What makes a drive smaller always has room, also in one that holds more than it may.

    Raises:
        DriveQuotaReached: the drive has no room for all of it.
    """
    before, more = _total(counted), _total({**counted, **wanted})
    size_bytes, files = max(0, more.bytes - before.bytes), max(0, more.files - before.files)
    await usage.current(drives, project_id)
    async with drives.database.transaction() as session:
        await usage.take(session, drives.quotas, project_id, size_bytes, files)
    try:
        yield
    finally:
        after = _total(counted)
        async with drives.database.transaction() as session:
            await usage.add(
                session,
                project_id,
                after.bytes - before.bytes - size_bytes,
                after.files - before.files - files,
            )


def _total(counted: Mapping[DrivePath, int | None]) -> Holdings:
    sizes = [size for size in counted.values() if size is not None]
    return Holdings(sum(sizes), len(sizes))
