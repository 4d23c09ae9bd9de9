"""Restore bundles and drives from a backup into the storage."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.administration.archives.drives import Drive
from backend.administration.archives.entry import Entry
from backend.administration.archives.errors import ArchiveDamaged
from backend.administration.archives.reader import ArchiveFile
from backend.storage import Storage
from backend.storage.file_errors import BadDrivePath
from backend.storage.local import LocalStorage
from backend.storage.paths import DrivePath, parse_drive_path
from backend.storage.tree_walk import created_folder, opened_folder

MAX_BUNDLE_BYTES: Final = 128 * 1024 * 1024


def drive_of(project_id: UUID, owner_uid: int | None) -> Drive:
    """Return a project's drive, with its path in a backup."""
    return Drive(project_id, owner_uid, f"drive/{project_id}")


async def place(storage: Storage, drive: Drive, path: DrivePath, file: ArchiveFile) -> None:
    """Restore a file of a drive with its mode and its time."""
    async with storage.receive() as incoming:
        for chunk in file.chunks():
            await incoming.write(chunk)
        await incoming.place(drive.project_id, path, owner_uid=drive.owner_uid)
    _set_metadata(storage, drive, path, file.entry)


class Folders:
    """Creates the folders of drives in the order of the archive: each before its content.

    A storage whose folders exist only in the names of its objects gets only the empty ones: the others are created with
    their files.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._pending: tuple[Drive, DrivePath] | None = None

    async def add(self, drive: Drive, path: DrivePath, entry: Entry) -> None:
        """Create a folder, now or when it is known to be empty."""
        if isinstance(self._storage, LocalStorage):
            with created_folder(_root(self._storage, drive), path.parts, owner_uid=drive.owner_uid) as folder:
                os.fchmod(folder, (entry.mode & 0o777) | 0o700)
            return
        await self.reach(drive, path)
        self._pending = drive, path

    async def reach(self, drive: Drive, path: DrivePath) -> None:
        """Process the next path in the archive: a pending folder that does not contain it is empty."""
        if self._pending is None:
            return
        of, folder = self._pending
        if of.project_id != drive.project_id or path.parts[: len(folder.parts)] != folder.parts:
            await self.end()
        self._pending = None

    async def end(self) -> None:
        """Create the last folder, if it is empty."""
        if self._pending is not None:
            drive, folder = self._pending
            await self._storage.create_folder(drive.project_id, folder, owner_uid=drive.owner_uid)
            self._pending = None


def drive_path_of(name: str) -> tuple[UUID, DrivePath]:
    """Return the project and the path for a name in a backup.

    Raises:
        ArchiveDamaged: The name is not a file of a drive.
    """
    project, _, path = name.removeprefix("drive/").partition("/")
    try:
        return UUID(project), parse_drive_path(f"drive/{path.rstrip('/')}")
    except (ValueError, BadDrivePath):
        raise ArchiveDamaged(f"it contains {name!r}, which is not a file of a drive.") from None


def _set_metadata(storage: Storage, drive: Drive, path: DrivePath, entry: Entry) -> None:
    if not isinstance(storage, LocalStorage):
        return
    with opened_folder(_root(storage, drive), path.folder.parts) as parent:
        os.chmod(path.name, entry.mode & 0o777, dir_fd=parent)
        times = (entry.modified_ns, entry.modified_ns)
        os.utime(path.name, ns=times, dir_fd=parent, follow_symlinks=False)


def _root(storage: LocalStorage, drive: Drive) -> Path:
    return storage.drive_dir(drive.project_id, drive.owner_uid)
