"""Manage folders that belong to one worker process: they are locked while it runs, and removed after a crash.

A lock marks the owner instead of a process ID: workers in different containers do not see each other's processes, and
may share a home. The kernel releases the lock when the process ends, for whatever reason.
"""

from __future__ import annotations

import fcntl
import os
import queue
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from backend.storage.removal import remove, remove_small


class OwnedDir(NamedTuple):
    """A folder of this process, and the descriptor that locks it: close it after the folder was removed."""

    folder: Path
    descriptor: int


def make_owned(root: Path, prefix: str = "", *, mode: int = 0o777) -> OwnedDir:
    """Return a new folder that this process owns."""
    while True:
        folder = root / f"{prefix}{secrets.token_hex(6)}"
        folder.mkdir(mode=mode)
        with suppress(FileNotFoundError):  # another process removed it before it was locked
            descriptor = _open(folder)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.is_dir():
                return OwnedDir(folder, descriptor)
            os.close(descriptor)


def remove_if_unowned(folder: Path, remove: Callable[[Path], None]) -> None:
    """Remove a folder if no process owns it."""
    with suppress(OSError):  # it is owned, already removed, or on a file system without locks
        descriptor = _open(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder)
        finally:
            os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


class JobFolders:
    """The job folders of this worker process, in a folder that it owns."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._root = root
        self._own = make_owned(root, mode=0o711)
        self._count = 0
        self._removals: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._janitor = threading.Thread(target=self._remove_all, name="job folders", daemon=True)
        self._janitor.start()

    @property
    def own(self) -> Path:
        """The folder that contains all folders of this process."""
        return self._own.folder

    def make(self, uid: int | None) -> Path:
        """Return a new folder for the jobs of one zygote, which only its user can access."""
        self._count += 1
        folder = self._own.folder / str(self._count)
        folder.mkdir(mode=0o700)
        if uid is not None:
            os.chown(folder, uid, uid)
        return folder

    def remove_job(self, folder: Path) -> None:
        """Remove the folder of an ended job: immediately if little is in it, otherwise in the background.

        A thread would take more time for little, since it competes with this one after each of its calls.
        """
        if not remove_small(folder):
            self.remove_soon(folder)

    def remove_soon(self, folder: Path) -> None:
        """Remove a folder and all that is in it, in the background."""
        self._removals.put(folder)

    def close(self) -> None:
        """Remove everything and wait for it."""
        self._removals.put(self._own.folder)
        self._removals.put(None)
        self._janitor.join()
        os.close(self._own.descriptor)

    def _remove_all(self) -> None:
        for leftover in list(self._root.iterdir()):
            remove_if_unowned(leftover, remove)
        while (folder := self._removals.get()) is not None:
            remove(folder)
