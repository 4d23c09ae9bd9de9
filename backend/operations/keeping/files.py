"""Bundles and drives out of a backup and into the storage, by its seam."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.archives.drives import Drive
from backend.archives.entry import Entry
from backend.archives.errors import ArchiveDamaged
from backend.archives.reader import ArchiveFile
from backend.drive.errors import BadDrivePath
from backend.drive.paths import DrivePath, parse_drive_path
from backend.storage import Storage
from backend.storage.local import LocalStorage
from backend.storage.tree import made_folder, opened_folder

MOST_BUNDLE_BYTES: Final = 128 * 1024 * 1024


def drive_of(project_id: UUID, owner_uid: int | None) -> Drive:
    """A project's drive, with its place in a backup."""
    return Drive(project_id, owner_uid, f"drive/{project_id}")


async def place(storage: Storage, drive: Drive, path: DrivePath, file: ArchiveFile) -> None:
    """Put a file of an archive into a drive, as it was."""
    async with storage.receive() as incoming:
        for chunk in file.chunks():
            await incoming.write(chunk)
        await incoming.place(drive.project_id, path, owner_uid=drive.owner_uid)
    _set(storage, drive, path, file.entry)


def make_folder(storage: Storage, drive: Drive, path: DrivePath, entry: Entry) -> None:
    """Make a folder again, where the storage knows such a thing."""
    if not isinstance(storage, LocalStorage):
        return
    with made_folder(_root(storage, drive), path.parts, owner_uid=drive.owner_uid) as made:
        os.fchmod(made, (entry.mode & 0o777) | 0o700)


def place_in(name: str) -> tuple[UUID, DrivePath]:
    """The project and the path that a name in a backup says.

    Raises:
        ArchiveDamaged: it cannot be one.
    """
    project, _, path = name.removeprefix("drive/").partition("/")
    try:
        return UUID(project), parse_drive_path(f"drive/{path.rstrip('/')}")
    except (ValueError, BadDrivePath):
        raise ArchiveDamaged(f"it holds {name!r}, which is no file of a drive.") from None


def _set(storage: Storage, drive: Drive, path: DrivePath, entry: Entry) -> None:
    if not isinstance(storage, LocalStorage):
        return
    with opened_folder(_root(storage, drive), path.folder.parts) as parent:
        os.chmod(path.name, entry.mode & 0o777, dir_fd=parent)
        times = (entry.modified_ns, entry.modified_ns)
        os.utime(path.name, ns=times, dir_fd=parent, follow_symlinks=False)


def _root(storage: LocalStorage, drive: Drive) -> Path:
    return storage.drive_dir(drive.project_id, drive.owner_uid)
