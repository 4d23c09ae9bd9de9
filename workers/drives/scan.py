"""Reading the folder that a job has written to, with every intent: no link is followed, everything is counted.

The job's processes are gone by then. What they have closed to us, and what is no plain file, is left out and told.
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
"""Of one job: each costs a request to the storage."""
_MAX_ENTRIES: Final = 100_000
_MAX_SHOWN: Final = 20


class Stamp(NamedTuple):
    """What changes when a file does; the last one cannot be set back by its owner."""

    inode: int
    size_bytes: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def of(cls, found: os.stat_result) -> Stamp:
        """The stamp of a file."""
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True)
class Changes:
    """What a job has changed."""

    files: dict[DrivePath, int] = field(default_factory=dict)
    """Sizes of new and changed files."""
    present: set[DrivePath] = field(default_factory=set)
    """Every plain file, changed or not."""
    left_out: list[str] = field(default_factory=list)
    """What cannot be put back, with the reason; the first of them."""
    count_left_out: int = 0

    def leave_out(self, path: DrivePath, name: str, reason: str) -> None:
        """Note something that is not put back."""
        self.count_left_out += 1
        if len(self.left_out) < _MAX_SHOWN:
            shown = f"{path}/{name}" if path.parts else name
            self.left_out.append(f"{shown.encode('utf-8', 'replace').decode()[:200]!r} ({reason})")


def changes(folder: Path, before: Mapping[DrivePath, Stamp], *, most_bytes: int) -> Changes:
    """The files in the folder that are new or not what they were before.

    Raises:
        ChangedFilesTooMuch: they are too many, or too large together.
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
            if total > most_bytes:
                raise ChangedFilesTooMuch(f"more than {most_bytes:,} bytes of changed files")
    return found


def open_changed(folder: Path, path: DrivePath) -> int:
    """A descriptor of a file that was found; whoever calls closes it.

    Raises:
        OSError: it is not there any more, or something else is.
    """
    with opened_folder(folder, path.folder.parts) as parent:
        return open_file_in(parent, path.name)


def _files(folder: int, at: DrivePath, found: Changes) -> Iterator[tuple[DrivePath, os.stat_result | None]]:
    """Every plain file below a folder; a folder counts, too, as one without a status."""
    with os.scandir(folder) as listing:
        names = sorted(entry.name for entry in _up_to(listing))
    for name in names:
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError:
            continue
        path = at.joined(name)
        reason = _why_not(path, status)
        if reason is not None:
            found.leave_out(at, name, reason)
        elif stat.S_ISREG(status.st_mode):
            yield path, status
        else:
            yield path, None
            yield from _below(folder, path, found)


def _below(parent: int, path: DrivePath, found: Changes) -> Iterator[tuple[DrivePath, os.stat_result | None]]:
    try:
        folder = open_folder_in(parent, path.name)
    except OSError:
        found.leave_out(path.folder, path.name, "closed by the job")
        return
    try:
        yield from _files(folder, path, found)
    finally:
        os.close(folder)


def _why_not(path: DrivePath, status: os.stat_result) -> str | None:
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return "no plain file: links, pipes and devices are not kept"
    if not is_component(path.name):
        return "not a name that a drive can have"
    if len(path.parts) > MAX_DEPTH or len(str(path).encode()) > MAX_PATH_BYTES:
        return "its path is too long"
    return None


def _up_to(listing: Iterator[os.DirEntry[str]]) -> Iterator[os.DirEntry[str]]:
    for count, entry in enumerate(listing):
        if count > _MAX_ENTRIES:
            raise ChangedFilesTooMuch(f"more than {_MAX_ENTRIES:,} files")
        yield entry
