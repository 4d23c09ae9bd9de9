"""Folders in Supabase, of which only the names of objects tell: measured, moved and deleted object by object."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from uuid import UUID

from backend.storage import Deleted, Holdings
from backend.storage.file_errors import DriveFileMissing, FolderTooLarge
from backend.storage.paths import DrivePath
from backend.storage.supabase import keys
from backend.storage.supabase.bucket import Bucket, StoredObject

PLACEHOLDER: Final = ".emptyFolderPlaceholder"
"""The object that holds an empty folder's place; the dashboard of Supabase makes and hides the same."""
MAX_MOVED: Final = 1_000
"""Files that a folder may have to be moved: each is copied and removed."""


async def measure(bucket: Bucket, project_id: UUID) -> Holdings:
    """How much the drive holds."""
    total = count = 0
    async for each in _below(bucket, f"{project_id}/"):
        total += each.size_bytes
        count += 1
    return Holdings(total, count)


async def move(bucket: Bucket, project_id: UUID, source: DrivePath, target: DrivePath) -> None:
    """Give every object of a folder the other path; one that is cut short is finished by doing it again.

    Raises:
        DriveFileMissing: there is no such folder.
        FolderTooLarge: it has too many files.
    """
    prefix = keys.folder_prefix(project_id, source)
    found = [each.key async for each in _below(bucket, prefix, most=MAX_MOVED + 1)]
    if not found:
        raise DriveFileMissing(str(source))
    if len(found) > MAX_MOVED:
        raise FolderTooLarge(str(source), MAX_MOVED)
    new_prefix = keys.folder_prefix(project_id, target)
    for key in found:
        await bucket.copy(key, new_prefix + key.removeprefix(prefix))
        await bucket.remove([key])


async def delete(bucket: Bucket, project_id: UUID, path: DrivePath, *, most: int) -> Deleted:
    """Delete up to `most` objects of a folder.

    Raises:
        DriveFileMissing: there is no such folder.
    """
    prefix = keys.folder_prefix(project_id, path)
    found = [each async for each in _below(bucket, prefix, most=most)]
    if not found:
        raise DriveFileMissing(str(path))
    await bucket.remove([each.key for each in found])
    is_done = len(found) < most or not await bucket.has_below(prefix)
    return Deleted(len(found), is_done=is_done, freed_bytes=sum(each.size_bytes for each in found))


async def is_empty(bucket: Bucket, prefix: str) -> bool:
    """Whether nothing but the placeholder is in the folder."""
    page = await bucket.page(prefix, is_delimited=False, limit=2)
    return [each.key for each in page.objects] == [prefix + PLACEHOLDER]


async def _below(bucket: Bucket, prefix: str, *, most: int | None = None) -> AsyncIterator[StoredObject]:
    cursor, count = None, 0
    while True:
        page = await bucket.page(prefix, is_delimited=False, cursor=cursor)
        for each in page.objects:
            yield each
            count += 1
            if count == most:
                return
        if page.next_cursor is None or page.next_cursor == cursor:
            return
        cursor = page.next_cursor
