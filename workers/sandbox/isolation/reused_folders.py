"""Reuse the folders of ended jobs for later jobs of the same zygote, if the jobs have left nothing in them.

A job that does nothing spent more time on the creation and removal of its two folders and the file of its inputs than
on its function. On ext4 without a journal, each new entry also passes over all that were deleted in the minute before,
which took half of the CPU time of sandboxes in a busy worker.

The file of the inputs is new for each job. It is in memory, and the folder has a link to it.
"""

# ruff: noqa: PTH116, PTH118, PTH208
# (runs after each job; pathlib costs)

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from workers.sandbox.guest import wire
from workers.sandbox.isolation.paths import INSIDE_INPUTS

_MAX_KEPT: Final = 64
_MAX_LINKS: Final = 32
_MAX_FOLDER_BYTES: Final = 64 << 10
"""On ext4 a folder stays as large as it was with all its entries, and as slow."""
_FOLDER_MODE: Final = stat.S_IFDIR | 0o700


class ReusedFolders:
    """The folders of ended jobs of one zygote that are as they were before the job."""

    def __init__(self, folder: Path) -> None:
        """Manage the job folders in the folder of a zygote."""
        self._folder = str(folder)
        self._kept: list[str] = []
        self._links: dict[str, int] | None = None

    def take(self) -> str | None:
        """Return the name of a folder that the next job can use, if there is one."""
        return self._kept.pop() if self._kept else None

    def keep(self, name: str) -> bool:
        """Keep the folder of an ended job if the job has left it unchanged; otherwise the caller has to remove it.

        No process of the job is left, and no other process has a descriptor of the folder, with which it could list the
        names of later files.
        """
        if len(self._kept) >= _MAX_KEPT:
            return False
        try:
            is_unchanged = self._is_unchanged(name)
        except OSError:  # the job removed or replaced a part of it
            return False
        if is_unchanged:
            self._kept.append(name)
        return is_unchanged

    def _is_unchanged(self, name: str) -> bool:
        owner, path = os.stat(self._folder), os.path.join(self._folder, name)
        with _opened(path) as folder, _opened(wire.TEMPORARY, folder) as temporary:
            return (
                all(_is_as_created(descriptor, owner) for descriptor in (folder, temporary))
                and not os.listdir(temporary)
                and os.readlink(wire.INPUTS, dir_fd=folder) == f"{INSIDE_INPUTS}/{name}"
                and self._has_only_links(folder)
            )

    def _has_only_links(self, folder: int) -> bool:
        """Return whether the other entries of the folder are the links of each job, and no other ones."""
        if self._links is None:
            self._links = self._prepared_links()
        if len(self._links) > _MAX_LINKS:
            return False
        names = set(os.listdir(folder)) - {wire.TEMPORARY, wire.INPUTS}
        return names == self._links.keys() and all(
            os.lstat(name, dir_fd=folder).st_ino == number for name, number in self._links.items()
        )

    def _prepared_links(self) -> dict[str, int]:
        """Return the inode of each link; code of the skill may have added any number, of which a few are read."""
        with _opened(os.path.join(self._folder, wire.PATTERNS)) as patterns, os.scandir(patterns) as listing:
            return {entry.name: entry.inode() for entry in islice(listing, _MAX_LINKS + 1)}


@contextmanager
def _opened(path: str, parent: int | None = None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_as_created(folder: int, owner: os.stat_result) -> bool:
    """Return whether permissions, owner and size are those of a new folder; the filter lets jobs set no attributes."""
    status = os.fstat(folder)
    is_own = (status.st_uid, status.st_gid) == (owner.st_uid, owner.st_gid)
    return status.st_mode == _FOLDER_MODE and is_own and status.st_size <= _MAX_FOLDER_BYTES
