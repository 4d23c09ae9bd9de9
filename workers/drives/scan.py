"""Scan an untrusted folder that a job has written to: no link is followed, and everything is counted.

The processes of the job have ended before. Unreadable entries, and those that are not regular files, are
omitted and reported.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from backend.storage.paths import MAX_DEPTH, MAX_PATH_BYTES, ROOT, DrivePath, is_component
from backend.storage.tree_walk import open_file_in, open_folder_in, opened_folder
from workers.drives.errors import ChangedFilesTooMuch

MAX_FILES: Final = 10_000
"""Maximum of one job: each file needs a storage request."""
_MAX_ENTRIES: Final = 100_000
_MAX_SHOWN: Final = 20


class Stamp(NamedTuple):
    """Values that change with a file; its owner cannot reset the last one."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """Return the stamp of a file."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Changes:
    """The changes of a job."""

    files: dict[DrivePath, int] = field(default_factory=dict)
    """Sizes of new and changed files."""
    present: set[DrivePath] = field(default_factory=set)
    """All regular files, changed or not."""
    omitted: list[str] = field(default_factory=list)
    """Entries that cannot be stored, with the reason; only the first ones."""
    count_omitted: int = 0

    def omit(self, path: DrivePath, name: str, reason: str) -> None:
        """Record an entry that is not stored."""
        self.count_omitted += 1
        if len(self.omitted) < _MAX_SHOWN:
            full_name = f"{path}/{name}" if path.parts else name
            self.omitted.append(f"{full_name.encode('utf-8', 'replace').decode()[:200]!r} ({reason})")


def changes(folder: Path, before: Mapping[DrivePath, Stamp], *, max_bytes: int) -> Changes:
    """Return the files in the folder that are new or changed.

    Raises:
        ChangedFilesTooMuch: there are too many, or their total size is too large.
    """
    found, total, entries = Changes(), 0, 0
    with opened_folder(folder, ()) as top:
        for path, status in _files(top, ROOT, found):
            entries += 1
            if entries > _MAX_ENTRIES:
                raise ChangedFilesTooMuch(f"more than {_MAX_ENTRIES:,} files")
            if status is None:
                continue
            found.present.add(path)
            if Stamp.of(status) == before.get(path):
                continue
            found.files[path] = status.st_size
            total += status.st_size
            if len(found.files) > MAX_FILES:
                raise ChangedFilesTooMuch(f"more than {MAX_FILES:,} changed files")
            if total > max_bytes:
                raise ChangedFilesTooMuch(f"more than {max_bytes:,} bytes of changed files")
    return found


def open_changed(folder: Path, path: DrivePath) -> int:
    """Return a descriptor of a changed file; the caller closes it.

    Raises:
        OSError: it does not exist any more, or is not a regular file.
    """
    with opened_folder(folder, path.folder.parts) as parent:
        return open_file_in(parent, path.name)


def _files(folder: int, at: DrivePath, found: Changes) -> Iterator[tuple[DrivePath, os.stat_result | None]]:
    """Yield every regular file below a folder with its status, and every folder without one."""
    with os.scandir(folder) as listing:
        names = sorted(entry.name for entry in _limited(listing))
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        path = at.joined(name)
        reason = _why_not(path, status)
        if reason is not None:
            found.omit(at, name, reason)
        elif stat.S_ISREG(status.st_mode):
            yield path, status
        else:
            yield path, None
            yield from _below(folder, path, found)


def _below(parent: int, path: DrivePath, found: Changes) -> Iterator[tuple[DrivePath, os.stat_result | None]]:
    try:
        folder = open_folder_in(parent, path.name)
    except OSError:
        found.omit(path.folder, path.name, "closed by the job")
        return
    try:
        yield from _files(folder, path, found)
    finally:
        os.close(folder)


def _why_not(path: DrivePath, status: os.stat_result) -> str | None:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return "not a regular file: links, pipes and devices are not stored"
    if not is_component(path.name):
        return "the name is not valid in a drive"
    if len(path.parts) > MAX_DEPTH or len(str(path).encode()) > MAX_PATH_BYTES:
        return "its path is too long"
    return None


def _limited(listing: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    for count, entry in enumerate(listing):
        if count > _MAX_ENTRIES:
            raise ChangedFilesTooMuch(f"more than {_MAX_ENTRIES:,} files")
        yield entry
