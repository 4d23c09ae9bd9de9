"""Files of one drive in a local folder. All functions block; `local` calls them in threads.

The folder is live: jobs may change it at the same time, also with malicious intent. `tree_walk` explains why this is
safe.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest
from itertools import islice
from pathlib import Path

from backend.storage import DriveEntry
from backend.storage.file_errors import (
    DriveFileLocked,
    DriveFileMissing,
    DriveFull,
    FolderNotEmpty,
    PathTaken,
)
from backend.storage.paths import MAX_DEPTH, MAX_PATH_BYTES, DrivePath, is_component
from backend.storage.sorting import SortedSearch
from backend.storage.tree_walk import created_folder, open_file_in, open_folder_in, opened_folder

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_FIRST_S = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LAST_S = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file of a drive, open for reading."""

    descriptor: int
    entry: DriveEntry


@dataclass(frozen=True, slots=True)
class Search:
    """Which entries of a drive to list."""

    name_prefix: str
    """Prefix of the names in the first folder."""
    recursive: bool
    after: tuple[str, ...]
    """Entries up to this path, in the order of paths, are omitted."""
    limit: int


def place(
    drive: Path, path: DrivePath, staged: Path, *, owner_uid: int | None, partial_file: Path | None = None
) -> DriveEntry:
    """Move a complete file from outside of the drive to its path, in one step, and give it to the owner.

    Its other name `partial_file` is removed, so that the file in the drive has no name outside of it.

    Raises:
        PathTaken: A folder exists there, or a part of the path is not a folder.
        DriveFull: The disk is full.
    """
    if owner_uid is not None:
        os.chown(staged, owner_uid, owner_uid)
    try:
        with created_folder(drive, path.folder.parts, owner_uid=owner_uid) as folder:
            os.rename(staged, path.name, dst_dir_fd=folder)
            os.fsync(folder)
            if partial_file is not None:
                partial_file.unlink(missing_ok=True)
            return entry_of(path, os.stat(path.name, dir_fd=folder, follow_symlinks=False))
    except IsADirectoryError:
        raise PathTaken(str(path), "A folder") from None
    except FileNotFoundError:
        raise PathTaken(str(path), "A concurrent change of a job") from None
    except NotADirectoryError:
        raise PathTaken(str(path), "A file or a link instead of a folder") from None
    except PermissionError:
        raise PathTaken(str(path), "A folder without write permission") from None
    except OSError as error:
        raise_if_full(error)
        raise


def open_file(drive: Path, path: DrivePath) -> OpenFile:
    """Open a regular file for reading; the caller must close it.

    Raises:
        DriveFileMissing: The file does not exist.
        DriveFileLocked: A process holds a lease on it.
    """
    with _folder_of(drive, path) as folder:
        try:
            descriptor = open_file_in(folder, path.name)
        except BlockingIOError:
            raise DriveFileLocked(str(path)) from None
        return OpenFile(descriptor, entry_of(path, os.fstat(descriptor)))


def stat_entry(drive: Path, path: DrivePath) -> DriveEntry:
    """Return the file or folder at the path.

    Raises:
        DriveFileMissing: Neither a file nor a folder exists there.
    """
    with _folder_of(drive, path) as folder:
        found = os.stat(path.name or ".", dir_fd=folder, follow_symlinks=False)
        if not _is_listed(found):
            raise DriveFileMissing(str(path))
        return entry_of(path, found)


def delete(drive: Path, path: DrivePath) -> None:
    """Delete a file, a link or an empty folder.

    Raises:
        DriveFileMissing: The path does not exist.
        FolderNotEmpty: The folder is not empty.
    """
    with _folder_of(drive, path) as folder:
        found = os.stat(path.name, dir_fd=folder, follow_symlinks=False)
        remove = os.rmdir if stat.S_ISDIR(found.st_mode) else os.unlink
        try:
            remove(path.name, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise FolderNotEmpty(str(path)) from None
            raise
        os.fsync(folder)


def entries(drive: Path, folder: DrivePath, search: Search) -> list[DriveEntry]:
    """Return files and folders in a folder, in the order of their paths; none if the folder does not exist."""
    try:
        with opened_folder(drive, folder.parts) as descriptor:
            return list(islice(_walk(descriptor, folder, search), search.limit))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def sorted_entries(drive: Path, folder: DrivePath, search: SortedSearch) -> list[DriveEntry]:
    """Return a page of the content of a folder in the order of the search; none if the folder does not exist."""
    try:
        with opened_folder(drive, folder.parts) as descriptor:
            return search.first_of(_all_of(descriptor, folder))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []


def raise_if_full(error: OSError) -> None:
    """Raise an error if the disk is full.

    Raises:
        DriveFull: The error means that the disk is full.
    """
    if error.errno in _NO_ROOM:
        raise DriveFull from error


@contextmanager
def _folder_of(drive: Path, path: DrivePath) -> Iterator[int]:
    try:
        with opened_folder(drive, path.folder.parts) as folder:
            yield folder
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise DriveFileMissing(str(path)) from None


def _walk(descriptor: int, folder: DrivePath, search: Search) -> Iterator[DriveEntry]:
    for name, found in _sorted_names(descriptor, folder, search):
        path = folder.joined(name)
        if path.parts > search.after:
            yield entry_of(path, found)
        if search.recursive and stat.S_ISDIR(found.st_mode) and _is_ahead(path, search.after):
            yield from _walk_into(descriptor, path, search)


def _walk_into(parent: int, folder: DrivePath, search: Search) -> Iterator[DriveEntry]:
    try:
        descriptor = open_folder_in(parent, folder.name)
    except OSError:  # removed, replaced or made inaccessible since it was listed
        return
    try:
        yield from _walk(descriptor, folder, Search("", True, search.after, search.limit))
    finally:
        os.close(descriptor)


def _sorted_names(descriptor: int, folder: DrivePath, search: Search) -> list[tuple[str, os.stat_result]]:
    """Return the names of a folder that the page can need: however many files there are, few are kept in memory."""
    first = search.after[len(folder.parts)] if _is_inside(folder, search.after) else ""
    with os.scandir(descriptor) as found:
        names = nsmallest(
            search.limit + 1,
            (
                entry.name
                for entry in found
                if entry.name >= first
                and entry.name.startswith(search.name_prefix)
                and (entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False))
                and _is_addressable(folder, entry.name)
            ),
        )
    listed = ((name, _stat_or_none(descriptor, name)) for name in names)
    return [(name, found) for name, found in listed if found is not None and _is_listed(found)]


def _all_of(descriptor: int, folder: DrivePath) -> Iterator[DriveEntry]:
    """Yield the content of a folder in no order."""
    with os.scandir(descriptor) as names:
        for one in names:
            if _is_addressable(folder, one.name):
                found = _stat_or_none(descriptor, one.name)
                if found is not None and _is_listed(found):
                    yield entry_of(folder.joined(one.name), found)


def _is_inside(folder: DrivePath, after: tuple[str, ...]) -> bool:
    """Return whether the page starts below this folder."""
    depth = len(folder.parts)
    return len(after) > depth and after[:depth] == folder.parts


def _is_ahead(folder: DrivePath, after: tuple[str, ...]) -> bool:
    """Return whether an entry of the folder comes after `after`."""
    return folder.parts >= after[: len(folder.parts)]


def _is_addressable(folder: DrivePath, name: str) -> bool:
    path = folder.joined(name)
    return is_component(name) and len(path.parts) <= MAX_DEPTH and len(str(path).encode()) <= MAX_PATH_BYTES


def _stat_or_none(descriptor: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=descriptor, follow_symlinks=False)
    except OSError:
        return None


def _is_listed(found: os.stat_result) -> bool:
    return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)


def entry_of(path: DrivePath, found: os.stat_result) -> DriveEntry:
    """Return the entry of a file or folder."""
    is_folder = stat.S_ISDIR(found.st_mode)
    return DriveEntry(
        path=str(path),
        size_bytes=0 if is_folder else found.st_size,
        modified_at=_time(found.st_mtime),
        is_folder=is_folder,
        version=version_of(found),
        changed_at=_time(found.st_ctime),
    )


def version_of(found: os.stat_result) -> str:
    """Return a version that changes with the content of a file, even if its owner resets its times."""
    return f"{found.st_mtime_ns:x}-{found.st_ctime_ns:x}-{found.st_size:x}-{found.st_ino:x}"


def _time(seconds: float) -> datetime:
    """Return the time, or the nearest valid one: a job may set any number as the time of a file."""
    return datetime.fromtimestamp(min(max(seconds, _FIRST_S), _LAST_S), UTC)
