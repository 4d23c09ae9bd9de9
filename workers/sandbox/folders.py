"""Job folders: made for one worker process, emptied without following links, swept after a crash."""

# ruff: noqa: PTH101, PTH123
# (descriptors, links and /proc are the matter here)

from __future__ import annotations

import os
import queue
import shutil
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

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


def remove(folder: Path) -> None:
    """Remove a tree that its owner made hostile: no link is followed, no depth and no permission stops it."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        _remove_hostile(folder)


def _remove_hostile(folder: Path) -> None:
    """Flatten the tree while removing it: every subfolder is moved to the top before its turn."""
    with suppress(OSError):
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            moved = 0
            while names := [entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]:
                for name in names:
                    moved = _empty_into(top, name, moved)
                    os.rmdir(name, dir_fd=top)
            for entry in os.scandir(top):
                os.unlink(entry.name, dir_fd=top)
        finally:
            os.close(top)
        folder.rmdir()


def _empty_into(top: int, name: str, moved: int) -> int:
    """Unlink the files of a folder and move its subfolders to `top`; returns the count of moved ones so far."""
    _open_up(top, name)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for entry in list(os.scandir(inner)):
            if entry.is_dir(follow_symlinks=False):
                moved += 1
                _open_up(inner, entry.name)
                os.rename(entry.name, f".removed-{moved}", src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=inner)
    finally:
        os.close(inner)
    return moved


def _open_up(parent: int, name: str) -> None:
    """Give ourselves access to a folder, and to nothing that a link may point to instead."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        if stat.S_IMODE(os.fstat(place).st_mode) & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
    finally:
        os.close(place)


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
