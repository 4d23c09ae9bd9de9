"""Measure the disk usage of jobs.

It is in folders, which tenant code may have manipulated, and in deleted files.
"""

# ruff: noqa: PTH116, PTH123, PTH208
# (this module works on descriptors, links and /proc)

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

MAX_FILES: Final = 100_000
"""Maximum files of one job, in its folder or in the drive: empty files also fill a disk."""
_MAX_SCANNED: Final = 1_000_000  # maximum files of a drive that other jobs have also filled


def folder_bytes(folder: Path, limit: int, *, since: float | None, max_files: int = MAX_FILES) -> int:
    """Return bytes on disk under a folder, of files changed since a time if given; stops counting past `limit`.

    What cannot be counted, because it is too deep, too much or closed by its owner, counts as too much.
    """
    total = scanned = counted = 0
    pending = [str(folder)]
    while pending and total <= limit:
        path = pending.pop()
        try:
            listing = _entries(path)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES):
                return limit + 1
            continue
        for name, status in listing:
            scanned += 1
            if stat.S_ISDIR(status.st_mode):
                pending.append(f"{path}/{name}")
            if since is None or status.st_ctime >= since:
                counted += 1
                total += status.st_blocks * 512
        if counted > max_files or scanned > _MAX_SCANNED:
            return limit + 1 if counted > max_files else total
    return total


def free_files(folder: Path | None) -> int:
    """Return how many more files the file system of a folder can store; 0 if it has no such limit."""
    try:
        return 0 if folder is None else os.statvfs(folder).f_ffree
    except OSError:
        return 0


def _entries(path: str) -> list[tuple[str, os.stat_result]]:
    """Return the names and status of a folder's entries; a link that replaced the folder is not followed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        found = []
        for name in os.listdir(descriptor):
            with suppress(OSError):
                found.append((name, os.stat(name, dir_fd=descriptor, follow_symlinks=False)))
        return found
    finally:
        os.close(descriptor)


def written_bytes(pids: Iterable[int]) -> int:
    """Return bytes that processes, and those that they waited for, have written."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/io", "rb") as file:
                fields = dict(line.split(b": ") for line in file.read().splitlines())
        except OSError:
            continue
        total += max(int(fields[b"wchar"]), int(fields[b"write_bytes"]))
    return total


def nameless_bytes(pids: Iterable[int]) -> int:
    """Return bytes of open files that were removed: they take space until they are closed."""
    seen: dict[tuple[int, int], int] = {}
    for pid in pids:
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            try:
                status = os.stat(f"/proc/{pid}/fd/{name}")
            except OSError:
                continue
            if status.st_nlink == 0 and status.st_blocks:
                seen[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(seen.values())
