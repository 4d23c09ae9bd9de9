"""What jobs take on disk: in folders that they may have made hostile, and in files that have no name any more."""

# ruff: noqa: PTH116, PTH123, PTH208
# (descriptors, links and /proc are the matter here)

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

_MAX_FILES: Final = 100_000  # of one job's folder: empty files fill a disk too
_MAX_DRIVE_FILES: Final = 1_000_000


def folder_bytes(folder: Path, enough: int, *, since: float | None) -> int:
    """Bytes on disk under a folder, of files changed since a time if given; stops counting past `enough`.

    What cannot be counted, because it is too deep, too much or closed by its owner, counts as too much.
    """
    total = count = 0
    pending = [str(folder)]
    while pending and total <= enough:
        path = pending.pop()
        try:
            listing = _entries(path)
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EACCES):
                return enough + 1
            continue
        for name, status in listing:
            count += 1
            if stat.S_ISDIR(status.st_mode):
                pending.append(f"{path}/{name}")
            if since is None or status.st_ctime >= since:
                total += status.st_blocks * 512
        if count > (_MAX_FILES if since is None else _MAX_DRIVE_FILES):
            return enough + 1 if since is None else total
    return total


def _entries(path: str) -> list[tuple[str, os.stat_result]]:
    """Names and facts of a folder's entries; a link that took the folder's place is not followed."""
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
    """Bytes that processes, and those that they waited for, have written."""
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
    """Bytes of open files that were removed: they take space until they are closed."""
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
