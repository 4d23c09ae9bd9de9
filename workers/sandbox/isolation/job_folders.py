"""Job folders: made for one worker process, emptied without following links, swept after a crash."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path

from backend.storage.removal import remove
from workers.sandbox.isolation import owned_dirs


class JobFolders:
    """The job folders of this worker process, under one folder that names it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._root = root
        self._own = owned_dirs.make(root, mode=0o711)
        self._count = 0
        self._removals: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._janitor = threading.Thread(target=self._remove_all, name="job folders", daemon=True)
        self._janitor.start()

    def make(self, uid: int | None) -> Path:
        """A new folder for the jobs of one warm parent, its user's alone."""
        self._count += 1
        folder = self._own.folder / str(self._count)
        folder.mkdir(mode=0o700)
        if uid is not None:
            os.chown(folder, uid, uid)
        return folder

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
        for left in list(self._root.iterdir()):
            owned_dirs.remove_left_behind(left, remove)
        while (folder := self._removals.get()) is not None:
            remove(folder)
