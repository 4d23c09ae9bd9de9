"""Create, measure, move and delete folders of one drive in a local folder. All functions block.

The folder is live, and its owner may change it with malicious intent: see `tree_walk`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from backend.storage import Deleted, DriveEntry, DriveSize
from backend.storage.drive_files import entry_of, raise_if_full, stat_entry, version_of
from backend.storage.file_errors import DriveFileChanged, DriveFileMissing, PathTaken
from backend.storage.paths import DrivePath
from backend.storage.removal import remove
from backend.storage.tree_walk import created_folder, open_folder_in, opened_folder

_MAX_STEPS: Final = 64
"""Maximum nesting of folders that are walked with open descriptors; deeper ones are moved out of the drive as a
whole."""
_UNUSED_BYTES: Final = 1 << 20
"""Disk space beyond its length that a file may have before its disk space counts."""


class WalkEntry(NamedTuple):
    """An entry that a walk has found."""

    path: tuple[str, ...]
    found: os.stat_result

    @property
    def is_file(self) -> bool:
        """Return whether it is a regular file."""
        return stat.S_ISREG(self.found.st_mode)


def measure(drive: Path) -> DriveSize:
    """Return the size of a drive, including everything that is not a regular file or cannot be listed."""
    total = count = 0
    for seen in walk(drive):
        count += 1
        total += counted_bytes(seen.found)
    return DriveSize(total, count)


def counted_bytes(found: os.stat_result) -> int:
    """Return the counted size of a file: its length, or its disk space if much more was preallocated."""
    if not stat.S_ISREG(found.st_mode):
        return 0
    return max(found.st_size, found.st_blocks * 512 - _UNUSED_BYTES)


def walk(drive: Path) -> Iterator[WalkEntry]:
    """Yield every entry of a drive, in no order; links are not followed, and inaccessible folders are skipped."""
    pending: list[tuple[str, ...]] = [()]
    while pending:
        parts = pending.pop()
        for name, found in _listed(drive, parts):
            path = (*parts, name)
            if stat.S_ISDIR(found.st_mode):
                pending.append(path)
            yield WalkEntry(path, found)


def make(drive: Path, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
    """Create a folder and its parents, if they do not exist.

    Raises:
        PathTaken: A part of the path is a file or a link.
        DriveFull: The disk is full.
    """
    try:
        with created_folder(drive, path.parts, owner_uid=owner_uid) as folder:
            return entry_of(path, os.fstat(folder))
    except NotADirectoryError:
        raise PathTaken(str(path), "A file or a link") from None
    except PermissionError:
        raise PathTaken(str(path), "A folder without write permission") from None
    except OSError as error:
        raise_if_full(error)
        raise


def move(
    drive: Path,
    source: DrivePath,
    target: DrivePath,
    aside: Path,
    *,
    owner_uid: int | None,
    is_replacing: bool,
    version: str | None,
) -> DriveEntry:
    """Move a file or a folder in one step; a file at the target is replaced only with `is_replacing`.

    A job may replace the file at any time, and no lock prevents it. So the file gets a second name outside of the
    drive, which no job can change, and is checked under that name before it is placed. A file that a job writes to the
    source path meanwhile stays there.

    Args:
        drive: The folder of the drive.
        source: A file or a folder.
        target: The new path.
        aside: A new name outside of every drive, on the same file system; one with `~` at its end is used, too.
        owner_uid: The owner of folders that are created.
        is_replacing: Whether a file at the target may be replaced.
        version: Only this version of the file is moved; None moves any version.

    Raises:
        DriveFileMissing: The source does not exist.
        DriveFileChanged: It has another version, or was replaced while it was moved.
        PathTaken: The target exists, or a part of its path is not a folder.
    """
    with _opened_both(drive, source, target, owner_uid=owner_uid) as (origin, folder):
        before = os.stat(source.name, dir_fd=origin, follow_symlinks=False)
        if version is not None and version_of(before) != version:
            raise DriveFileChanged(str(source))
        if stat.S_ISDIR(before.st_mode):
            _require_free(folder, target, is_folder=True)
            os.rename(source.name, target.name, src_dir_fd=origin, dst_dir_fd=folder)
        else:
            with _reported_as_changed(origin, source):
                os.link(source.name, aside, src_dir_fd=origin, follow_symlinks=False)
            try:
                if not _is_same(before, aside.lstat()):
                    raise DriveFileChanged(str(source))
                if is_replacing:
                    _require_free(folder, target, is_folder=False)
                    os.rename(aside, target.name, dst_dir_fd=folder)
                else:  # a link fails if the target exists, even if it was just created
                    os.link(aside, target.name, dst_dir_fd=folder, follow_symlinks=False)
            finally:
                aside.unlink(missing_ok=True)
            _remove_same(origin, source.name, before, aside.with_name(f"{aside.name}~"))
        os.fsync(folder)
        found = os.stat(target.name, dir_fd=folder, follow_symlinks=False)
        # A job that has the file open may have written to it; then its writer is unknown.
        if version is not None and not _is_same(before, found):
            raise DriveFileChanged(str(source))
        return entry_of(target, found)


@contextmanager
def _reported_as_changed(folder: int, source: DrivePath) -> Iterator[None]:
    """Report a source that is replaced while it is linked as changed, not as missing.

    The kernel looks up the name first. If a rename then replaces the file, the file that was found has no name any
    more and cannot be linked: `linkat` fails with ENOENT, although there is always a file with that name.

    Raises:
        FileNotFoundError: No file has that name any more.
        DriveFileChanged: Another file has that name.
    """
    try:
        yield
    except FileNotFoundError:
        os.stat(source.name, dir_fd=folder, follow_symlinks=False)
        raise DriveFileChanged(str(source)) from None


def _is_same(before: os.stat_result, found: os.stat_result) -> bool:
    """Return whether it is the same file with the same content; a new name changes only `st_ctime`."""
    return (before.st_ino, before.st_mtime_ns, before.st_size) == (
        found.st_ino,
        found.st_mtime_ns,
        found.st_size,
    )


def _remove_same(folder: int, name: str, before: os.stat_result, aside: Path) -> None:
    """Remove a name of a file, unless the name belongs to another file by now."""
    try:
        os.rename(name, aside, src_dir_fd=folder)
    except FileNotFoundError:
        return
    try:
        if aside.lstat().st_ino != before.st_ino:
            with suppress(FileExistsError):  # replaced once more: the last file stays
                os.link(aside, name, dst_dir_fd=folder, follow_symlinks=False)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def _opened_both(
    drive: Path, source: DrivePath, target: DrivePath, *, owner_uid: int | None
) -> Iterator[tuple[int, int]]:
    """Open the folders of the source and of the target, which is created.

    Raises:
        DriveFileMissing: The source does not exist.
        PathTaken: The target exists, or a part of its path is not a folder.
    """
    if target.parts[: len(source.parts)] == source.parts:
        raise PathTaken(str(target), "The folder that is moved")
    stat_entry(drive, source)
    try:
        with (
            opened_folder(drive, source.folder.parts) as origin,
            created_folder(drive, target.folder.parts, owner_uid=owner_uid) as folder,
        ):
            yield origin, folder
    except FileNotFoundError:
        raise DriveFileMissing(str(source)) from None
    except (FileExistsError, IsADirectoryError):
        raise PathTaken(str(target), "Another file or folder") from None
    except NotADirectoryError:
        raise PathTaken(str(target), "A file or a link instead of a folder") from None
    except PermissionError:
        raise PathTaken(str(target), "A folder without write permission") from None
    except OSError as error:
        raise_if_full(error)
        raise


def delete_tree(drive: Path, path: DrivePath, trash: Path, *, limit: int) -> Deleted:
    """Delete a folder with its content, up to `limit` files and folders per call.

    Raises:
        DriveFileMissing: The folder does not exist.
    """
    if not stat_entry(drive, path).is_folder:
        raise DriveFileMissing(str(path))
    removal = _Removal(trash, limit)
    with opened_folder(drive, path.folder.parts) as parent:
        removal.remove(parent, path.name, depth=0)
        os.fsync(parent)
    return Deleted(removal.count, is_done=removal.is_done, freed_bytes=removal.freed_bytes)


class _Removal:
    """Removes a tree, up to a number of files and folders."""

    def __init__(self, trash: Path, limit: int) -> None:
        self._trash = trash
        self._limit = limit
        self.count = 0
        self.freed_bytes = 0

    @property
    def is_done(self) -> bool:
        """Return whether nothing is left for another call."""
        return self.count < self._limit

    def remove(self, parent: int, name: str, *, depth: int) -> None:
        """Remove the folder `name` in `parent`."""
        if depth >= _MAX_STEPS:
            self._move_to_trash(parent, name)
            return
        with suppress(PermissionError):
            folder = open_folder_in(parent, name)
            try:
                self._empty(folder, depth=depth)
            finally:
                os.close(folder)
        if self.is_done:
            self._remove_empty(parent, name)

    def _empty(self, folder: int, *, depth: int) -> None:
        with os.scandir(folder) as found:
            for entry in found:
                if not self.is_done:
                    return
                if entry.is_dir(follow_symlinks=False):
                    self.remove(folder, entry.name, depth=depth + 1)
                else:
                    self._unlink(folder, entry.name)

    def _unlink(self, folder: int, name: str) -> None:
        with suppress(FileNotFoundError):  # a job has removed it
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            os.unlink(name, dir_fd=folder)
            self.count += 1
            self.freed_bytes += counted_bytes(found)

    def _remove_empty(self, parent: int, name: str) -> None:
        try:
            os.rmdir(name, dir_fd=parent)
            self.count += 1
        except FileNotFoundError:
            return
        except OSError:  # a job keeps adding files, or has made it inaccessible
            self._move_to_trash(parent, name)

    def _move_to_trash(self, parent: int, name: str) -> None:
        """Move a folder out of the drive, and remove it there, where it cannot grow deeper."""
        self._trash.mkdir(mode=0o700, exist_ok=True)
        trashed = self._trash / uuid4().hex
        os.rename(name, trashed, src_dir_fd=parent)
        self.count += 1
        remove(trashed)


def _listed(drive: Path, parts: tuple[str, ...]) -> list[tuple[str, os.stat_result]]:
    try:
        with opened_folder(drive, parts) as folder:
            found = []
            with os.scandir(folder) as listed:
                for entry in listed:
                    with suppress(OSError):
                        found.append((entry.name, entry.stat(follow_symlinks=False)))
            return found
    except OSError:
        return []


def _require_free(folder: int, target: DrivePath, *, is_folder: bool) -> None:
    try:
        found = os.stat(target.name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return
    if is_folder or stat.S_ISDIR(found.st_mode):
        raise PathTaken(str(target), "Another file or folder" if is_folder else "A folder")
