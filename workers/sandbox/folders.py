"""Job folders: made for one worker process, emptied without following links, swept after a crash."""

# ruff: noqa: PTH123
# (/proc is the matter here)

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import Final

from backend.storage.removal import remove

_NAME_SEPARATOR: Final = "-"


class JobFolders:
    """The job folders of this worker process, under one folder that names it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o711, parents=True, exist_ok=True)
        self._root = root
        self._own = root / f"{os.getpid()}{_NAME_SEPARATOR}{_started_at(os.getpid())}"
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
        pid, _, started_at = folder.name.partition(_NAME_SEPARATOR)
        if pid.isdigit() and _started_at(int(pid)) != started_at:
            gone.append(folder)
    return gone


def _started_at(pid: int) -> str:
    """When a process started, so that a number used again is not taken for it; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return "" if Path("/proc").is_dir() else "0"
