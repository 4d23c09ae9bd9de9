"""Read files of drives for an archive, from any storage."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from backend.administration.archives.entry import Entry
from backend.administration.archives.size_limits import Measured
from backend.storage import DriveEntry, Storage
from backend.storage.file_errors import DriveFileMissing
from backend.storage.local import LocalStorage
from backend.storage.paths import ROOT, DrivePath, parse_drive_path
from backend.storage.tree_walk import opened_folder

PAGE: Final = 1000
DEFAULT_MODE: Final = 0o644
DEFAULT_FOLDER_MODE: Final = 0o755
EMPTY_SHA256: Final = hashlib.sha256().hexdigest()


@dataclass(frozen=True, slots=True)
class Drive:
    """The drive of a project, and its folder in an archive."""

    project_id: UUID
    owner_uid: int | None
    folder: str
    """`drive/<project>` of a backup, `drive` of one project's archive."""

    def name_of(self, entry: DriveEntry) -> str:
        """Return the name of an entry in the archive."""
        return f"{self.folder}/{entry.path}{'/' if entry.is_folder else ''}"


async def entries(storage: Storage, drive: Drive) -> AsyncIterator[DriveEntry]:
    """Yield all entries of a drive, folders before their content; the drive may change at the same time."""
    after: DrivePath | None = None
    while page := await storage.list(drive.project_id, ROOT, recursive=True, after=after, limit=PAGE):
        for entry in page:
            yield entry
        after = path_of(page[-1])


def path_of(entry: DriveEntry) -> DrivePath:
    """Return the path of an entry. The prefix `drive/` keeps the parser from removing a folder named `drive`."""
    return parse_drive_path(f"drive/{entry.path}")


async def measure(storage: Storage, drive: Drive, entry: DriveEntry, into: Measured) -> Entry | None:
    """Read a file of a drive into `into`; `None` when it no longer exists.

    Raises:
        DriveFileLocked: A process holds a lease on it.
    """
    try:
        file = await storage.open_read(drive.project_id, path_of(entry))
    except DriveFileMissing:
        return None
    try:
        async for chunk in file.chunks(0, file.entry.size_bytes):
            into.write(chunk)
    finally:
        await file.close()
    return Entry(
        drive.name_of(entry),
        into.size_bytes,
        into.sha256,
        _mode_of(storage, drive, entry, DEFAULT_MODE),
        _nanoseconds(file.entry.modified_at),
    )


def folder(storage: Storage, drive: Drive, entry: DriveEntry) -> Entry:
    """Return the archive entry of a folder, which may be empty."""
    mode = _mode_of(storage, drive, entry, DEFAULT_FOLDER_MODE)
    return Entry(drive.name_of(entry), 0, EMPTY_SHA256, mode, _nanoseconds(entry.modified_at))


def _mode_of(storage: Storage, drive: Drive, entry: DriveEntry, default: int) -> int:
    """Return the permissions of an entry if the storage has them, else the default."""
    if not isinstance(storage, LocalStorage):
        return default
    path = path_of(entry)
    try:
        root = storage.drive_dir(drive.project_id, drive.owner_uid)
        with opened_folder(root, path.folder.parts) as parent:
            return os.stat(path.name, dir_fd=parent, follow_symlinks=False).st_mode & 0o777
    except OSError:  # deleted in the meantime, or without permission
        return default


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
