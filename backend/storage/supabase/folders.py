"""Measure, move and delete folders in Supabase, object by object: folders exist only in the names of objects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from backend.storage import Deleted, DriveSize
from backend.storage.file_errors import DriveFileMissing, FolderTooLarge
from backend.storage.paths import DrivePath
from backend.storage.supabase import keys
from backend.storage.supabase.bucket import Bucket, StoredObject

PLACEHOLDER: Final = ".emptyFolderPlaceholder"
"""The object that represents an empty folder; the dashboard of Supabase creates and hides the same one."""
MAX_MOVED: Final = 1_000
"""Maximum number of files of a folder that is moved: each is copied and removed."""


async def measure(bucket: Bucket, project_id: UUID) -> DriveSize:
    """Return the size of the drive."""
    total = count = 0
    async for each in _below(bucket, f"{project_id}/"):
        total += each.size_bytes
        count += 1
    return DriveSize(total, count)


async def move(bucket: Bucket, project_id: UUID, source: DrivePath, target: DrivePath) -> None:
    """Move every object of a folder; an interrupted move is completed by a repetition.

    Raises:
        DriveFileMissing: The folder does not exist.
        FolderTooLarge: It has too many files.
    """
    prefix = keys.folder_prefix(project_id, source)
    found = [each.key async for each in _below(bucket, prefix, limit=MAX_MOVED + 1)]
    if not found:
        raise DriveFileMissing(str(source))
    if len(found) > MAX_MOVED:
        raise FolderTooLarge(str(source), MAX_MOVED)
    new_prefix = keys.folder_prefix(project_id, target)
    for key in found:
        await bucket.copy(key, new_prefix + key.removeprefix(prefix))
        await bucket.remove([key])


async def delete(bucket: Bucket, project_id: UUID, path: DrivePath, *, limit: int) -> Deleted:
    """Delete up to `limit` objects of a folder.

    Raises:
        DriveFileMissing: The folder does not exist.
    """
    prefix = keys.folder_prefix(project_id, path)
    found = [each async for each in _below(bucket, prefix, limit=limit)]
    if not found:
        raise DriveFileMissing(str(path))
    await bucket.remove([each.key for each in found])
    is_done = len(found) < limit or not await bucket.has_below(prefix)
    return Deleted(len(found), is_done=is_done, freed_bytes=sum(each.size_bytes for each in found))


async def is_empty(bucket: Bucket, prefix: str) -> bool:
    """Return whether the folder contains only the placeholder."""
    page = await bucket.page(prefix, is_delimited=False, limit=2)
    return [each.key for each in page.objects] == [prefix + PLACEHOLDER]


async def _below(bucket: Bucket, prefix: str, *, limit: int | None = None) -> AsyncIterator[StoredObject]:
    cursor, count = None, 0
    while True:
        page = await bucket.page(prefix, is_delimited=False, cursor=cursor)
        for each in page.objects:
            yield each
            count += 1
            if count == limit:
                return
        if page.next_cursor is None or page.next_cursor == cursor:
            return
        cursor = page.next_cursor
