"""Job folders: made for one worker process, emptied without following links, swept after a crash."""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import Final

from backend.storage.removal import remove

from .process_ids import started_at

_NAME_SEPARATOR: Final = "-"


class JobFolders:
    """The job folders of this worker process, under one folder that names it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._root = root
        self._own = root / f"{os.getpid()}{_NAME_SEPARATOR}{started_at(os.getpid())}"
        self._own.mkdir(mode=0o711, exist_ok=True)
        self._count = 0
        self._removals: queue.SimpleQueue[Path | None] = queue.SimpleQueue()
        self._janitor = threading.Thread(target=self._remove_all, name="job folders", daemon=True)
        self._janitor.start()
        for stale in _left_behind(root):
            self._removals.put(stale)

    def make(self, uid: int | None) -> Path:
        """A new folder for the jobs of one warm parent, its user's alone."""
        self._count += 1
        folder = self._own / str(self._count)
        folder.mkdir(mode=0o700)
        if uid is not None:
            os.chown(folder, uid, uid)
        return folder

    def remove_soon(self, folder: Path) -> None:
        """Remove a folder and all that is in it, in the background."""
        self._removals.put(folder)

    def close(self) -> None:
        """Remove everything and wait for it."""
        self._removals.put(self._own)
        self._removals.put(None)
        self._janitor.join()

    def _remove_all(self) -> None:
        while (folder := self._removals.get()) is not None:
            remove(folder)


def _left_behind(root: Path) -> list[Path]:
    """Folders of worker processes that are gone."""
    gone = []
    for folder in root.iterdir():
        pid, _, began = folder.name.partition(_NAME_SEPARATOR)
        if pid.isdigit() and started_at(int(pid)) != began:
            gone.append(folder)
    return gone
