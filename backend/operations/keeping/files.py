"""Bundles and drives: out of the storage into an archive, and back. Whichever storage it is, this goes by its seam."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.archives.entry import Entry
from backend.archives.errors import ArchiveDamaged
from backend.archives.measured import Measured
from backend.archives.reader import ArchiveFile
from backend.drive.errors import BadDrivePath, DriveFileMissing
from backend.drive.paths import ROOT, DrivePath, parse_drive_path
from backend.storage import DriveEntry, Storage
from backend.storage.local import LocalStorage
from backend.storage.tree import made_folder, opened_folder

PAGE: Final = 1000
DEFAULT_MODE: Final = 0o644
DEFAULT_FOLDER_MODE: Final = 0o755
MOST_BUNDLE_BYTES: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Drive:
    """The drive of a project."""

    project_id: UUID
    owner_uid: int | None

    def name_of(self, entry: DriveEntry) -> str:
        """What it is called in an archive."""
        return f"drive/{self.project_id}/{entry.path}{'/' if entry.is_folder else ''}"


async def drive_entries(storage: Storage, drive: Drive) -> AsyncIterator[DriveEntry]:
    """Everything in a drive, folders before what is in them; it may change meanwhile."""
    after: DrivePath | None = None
    while page := await storage.list(drive.project_id, ROOT, recursive=True, after=after, limit=PAGE):
        for entry in page:
            yield entry
        after = path_of(page[-1])


def path_of(entry: DriveEntry) -> DrivePath:
    """Where it is. Behind `drive/` the parser takes everything for a path, so that a folder named `drive` stays one."""
    return parse_drive_path(f"drive/{entry.path}")


async def measure(storage: Storage, drive: Drive, entry: DriveEntry, into: Measured) -> Entry | None:
    """Read a file of a drive; none when it is gone by now."""
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
        mode_of(storage, drive, entry, DEFAULT_MODE),
        _nanoseconds(file.entry.modified_at),
    )


def folder(storage: Storage, drive: Drive, entry: DriveEntry) -> Entry:
    """A folder of a drive, which may be empty."""
    mode = mode_of(storage, drive, entry, DEFAULT_FOLDER_MODE)
    return Entry(drive.name_of(entry), 0, EMPTY_SHA256, mode, _nanoseconds(entry.modified_at))


def mode_of(storage: Storage, drive: Drive, entry: DriveEntry, otherwise: int) -> int:
    """Its permissions, where the storage knows such a thing."""
    if not isinstance(storage, LocalStorage):
        return otherwise
    path = path_of(entry)
    try:
        with opened_folder(_root(storage, drive), path.folder.parts) as parent:
            return os.stat(path.name, dir_fd=parent, follow_symlinks=False).st_mode & 0o777
    except OSError:  # gone, or closed to us
        return otherwise


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
    """The project and the path that a name in an archive says.

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


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


EMPTY_SHA256: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
