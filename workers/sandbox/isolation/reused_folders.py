"""Reuse the folders of ended jobs for later jobs of the same zygote, if the jobs have left nothing in them.

A job that does nothing spent more time on the creation and removal of its two folders and the file of its inputs than
on its function. On ext4 without a journal, each new entry also passes over all that were deleted in the minute before,
which took half of the CPU time of sandboxes in a busy worker.

Only folders are reused. The file of the inputs is new for each job, since an ended job may have passed its descriptor
of that file to a job that still runs; where jobs have their own mounts, it is in memory, and the folder has a link to
it. A descriptor of a folder gives access to nothing in it: Landlock grants each job its own folder alone.
"""

# ruff: noqa: PTH116, PTH118, PTH208
# (runs after each job; pathlib costs)

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from workers.sandbox.guest import wire

_MAX_KEPT: Final = 64
_MAX_LINKS: Final = 32
_MAX_INPUTS_BYTES: Final = 1 << 20
"""Larger files are deleted in a thread."""
_FOLDER_MODE: Final = stat.S_IFDIR | 0o700
_ATTRIBUTES_OF_THE_HOST: Final = ("security.", "trusted.")
"""Extended attributes that a job cannot set, such as the labels of SELinux."""


class ReusedFolders:
    """The folders of ended jobs of one zygote that are as they were before the job."""

    def __init__(self, folder: Path, inputs: str) -> None:
        """Manage the job folders in the folder of a zygote.

        Args:
            folder: The folder on this host.
            inputs: The folder in memory that has the files of the inputs, as jobs see it; empty if there is none.
        """
        self._folder = str(folder)
        self._inputs = inputs
        self._kept: list[str] = []
        self._links: dict[str, int] | None = None

    def take(self) -> str | None:
        """Return the name of a folder that the next job can use, if there is one."""
        return self._kept.pop() if self._kept else None

    def keep(self, name: str) -> bool:
        """Keep the folder of an ended job, none of whose processes is left; return whether the job left it unchanged.

        A folder that is not kept has to be removed.
        """
        if len(self._kept) >= _MAX_KEPT:
            return False
        try:
            is_unchanged = self._restore(name)
        except OSError:  # the job removed or replaced a part of it
            return False
        if is_unchanged:
            self._kept.append(name)
        return is_unchanged

    def _restore(self, name: str) -> bool:
        """Delete the inputs of the ended job; return false, without changes, if the folder is not as it was created."""
        owner = os.stat(self._folder)
        path = os.path.join(self._folder, name)
        with _opened(path) as folder, _opened(wire.TEMPORARY, folder) as temporary:
            is_unchanged = (
                all(_is_as_created(descriptor, owner) for descriptor in (folder, temporary))
                and not os.listdir(temporary)
                and self._has_only_links(folder)
            )
            return is_unchanged and self._remove_inputs(folder, name)

    def _remove_inputs(self, folder: int, name: str) -> bool:
        """Delete the file of the inputs, if the folder has it; return false if it has another entry instead."""
        if self._inputs:
            return os.readlink(wire.INPUTS, dir_fd=folder) == f"{self._inputs}/{name}"
        if os.lstat(wire.INPUTS, dir_fd=folder).st_size > _MAX_INPUTS_BYTES:
            return False
        os.unlink(wire.INPUTS, dir_fd=folder)
        return True

    def _has_only_links(self, folder: int) -> bool:
        """Return whether the other entries of the folder are the links of each job, and no other ones."""
        if self._links is None:
            patterns = os.path.join(self._folder, wire.PATTERNS)
            self._links = {
                name: os.lstat(os.path.join(patterns, name)).st_ino for name in os.listdir(patterns)
            }
        if len(self._links) > _MAX_LINKS:
            return False
        names = set(os.listdir(folder)) - {wire.TEMPORARY, wire.INPUTS}
        return names == self._links.keys() and all(
            os.lstat(name, dir_fd=folder).st_ino == number for name, number in self._links.items()
        )


@contextmanager
def _opened(path: str, parent: int | None = None) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_as_created(folder: int, owner: os.stat_result) -> bool:
    """Return whether permissions, owner and attributes are those of a new folder of a job."""
    status = os.fstat(folder)
    is_own = (status.st_uid, status.st_gid) == (owner.st_uid, owner.st_gid)
    return status.st_mode == _FOLDER_MODE and is_own and not _has_attributes(folder)


def _has_attributes(folder: int) -> bool:
    """Return whether the job has set extended attributes, which include access control lists."""
    if not hasattr(os, "listxattr"):
        return True
    try:
        names = os.listxattr(folder)
    except OSError:  # the file system has none
        return False
    return any(not name.startswith(_ATTRIBUTES_OF_THE_HOST) for name in names)
