"""Write files to the paths of drives, if no folder and no other file prevents it."""

from __future__ import annotations

import asyncio
from uuid import UUID

from backend.storage import DriveEntry, StillWanted
from backend.storage.file_errors import DriveFileMissing, PathTaken
from backend.storage.paths import ROOT, DrivePath
from backend.storage.supabase import keys
from backend.storage.supabase.bucket import Bucket
from backend.storage.supabase.listing import folder_entry
from backend.storage.supabase.reading import entry_of
from backend.storage.supabase.uploads import Source, always, upload


async def put(
    drives: Bucket, project_id: UUID, path: DrivePath, source: Source, still_wanted: StillWanted = always
) -> DriveEntry:
    """Upload a file to the path.

    Raises:
        PathTaken: A folder exists there, or a part of the path is not a folder.
    """
    await require_free(drives, project_id, path)
    await upload(drives, keys.object_key(project_id, path), source, still_wanted)
    return await stat(drives, project_id, path)


async def put_copy(drives: Bucket, project_id: UUID, path: DrivePath, incoming_key: str) -> DriveEntry:
    """Copy a received file from the folder of incoming files to the path.

    Raises:
        PathTaken: A folder exists there, or a part of the path is not a folder.
    """
    await require_free(drives, project_id, path)
    await drives.copy(incoming_key, keys.object_key(project_id, path))
    return await stat(drives, project_id, path)


async def stat(drives: Bucket, project_id: UUID, path: DrivePath) -> DriveEntry:
    """Return the file or folder at the path.

    Raises:
        DriveFileMissing: Neither exists.
    """
    if path != ROOT:
        stored = await drives.find(keys.object_key(project_id, path))
        if stored is not None:
            return entry_of(path, stored)
        if not await drives.has_below(keys.folder_prefix(project_id, path)):
            raise DriveFileMissing(str(path))
    return folder_entry(path)


async def require_free(drives: Bucket, project_id: UUID, path: DrivePath) -> None:
    """Reject the path of a file if it is a folder, or if a part of it is a file.

    Two concurrent writers may still create both; both can be deleted.

    Raises:
        PathTaken: A folder exists there, or a part of the path is not a folder.
    """
    folders = [DrivePath(path.parts[:depth]) for depth in range(1, len(path.parts))]
    found = await asyncio.gather(
        drives.has_below(f"{keys.object_key(project_id, path)}/"),
        *(drives.find(keys.object_key(project_id, folder)) for folder in folders),
    )
    if found[0]:
        raise PathTaken(str(path), "A folder")
    if any(each is not None for each in found[1:]):
        raise PathTaken(str(path), "A file instead of a folder")
