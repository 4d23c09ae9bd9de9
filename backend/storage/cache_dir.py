"""Folders that are made once and can be made again: kept while they are used, thrown away when they are not.

A folder in use is held by a shared lock on a file beside it, so that every process of the machine knows.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

from backend.storage.removal import remove

STAMP_S: Final = 60.0  # a use is noted at most this often

_MAX_HELD: Final = 64  # descriptors of folders that are not used right now
_USED: Final = ".used"
_GONE: Final = ".gone-"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept, and for how long."""

    most_bytes: int
    unused_s: float
    """What was not used for this long goes."""
    keep_s: float = 3_600.0
    """What was used this lately stays, whatever it takes: processes without a job may still have it open."""


class Shelf:
    """A folder of such folders; what is not a folder, or begins with a dot, is none of its business."""

    def __init__(self, root: Path, bounds: Bounds) -> None:
        self._root = root
        self._bounds = bounds
        self._held: dict[str, _Hold] = {}
        self._lock = threading.Lock()  # a sweep in a thread lets go of what nobody uses just now
        self._sizes: dict[str, int] = {}

    @property
    def name(self) -> str:
        """What it holds, in a word."""
        return self._root.name

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Keep a folder from being thrown away while the block lasts; false when it has been already."""
        hold = self._take(name)
        try:
            yield (self._root / name).is_dir()
        finally:
            with self._lock:
                hold.note()
                hold.users -= 1

    def sweep(self) -> list[str]:
        """Throw away what was unused for too long, then, while it is too much, what was unused for longest."""
        with self._lock:
            self._let_go()
        if not self._root.is_dir():
            return []
        now, removed = time.time(), []
        found = sorted(self._found(), key=lambda one: one.used_at)
        total = sum(one.size_bytes for one in found)
        for one in found:
            unused_s = now - one.used_at
            is_due = unused_s > self._bounds.unused_s or total > self._bounds.most_bytes
            if is_due and unused_s >= self._bounds.keep_s and _remove(self._root / one.name):
                removed.append(one.name)
                total -= one.size_bytes
                self._sizes.pop(one.name, None)
        self._remove_rests(now)
        return removed

    def close(self) -> None:
        """Let go of everything."""
        with self._lock:
            for hold in self._held.values():
                os.close(hold.descriptor)
            self._held.clear()

    def _take(self, name: str) -> _Hold:
        with self._lock:
            hold = self._held.get(name)
            if hold is None:
                if len(self._held) >= _MAX_HELD:
                    self._let_go()
                self._root.mkdir(parents=True, exist_ok=True)
                hold = self._held[name] = _Hold(_lock_shared(_mark(self._root / name)))
            hold.note()
            hold.users += 1
            return hold

    def _let_go(self) -> None:
        for name, hold in list(self._held.items()):
            if not hold.users:
                del self._held[name]
                os.close(hold.descriptor)

    def _found(self) -> list[_Found]:
        found = []
        for folder in self._root.iterdir():
            if folder.name.startswith(".") or not folder.is_dir() or folder.is_symlink():
                continue
            if folder.name not in self._sizes:  # they do not change once they are made
                self._sizes[folder.name] = size_of(folder)
            found.append(_Found(folder.name, _used_at(folder), self._sizes[folder.name]))
        return found

    def _remove_rests(self, now: float) -> None:
        """What a killed sweep left, and notes on what is long gone."""
        for path in self._root.glob(f"{_GONE}*"):
            remove(path)
        for mark in self._root.glob(f".*{_USED}"):
            folder = self._root / mark.name.removeprefix(".").removesuffix(_USED)
            with suppress(OSError):
                if not folder.exists() and now - mark.stat().st_mtime > self._bounds.unused_s:
                    _unlink_unheld(mark)


class _Hold:
    """A shared lock of this process on one folder."""

    __slots__ = ("_noted_at", "descriptor", "users")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0
        self._noted_at = -STAMP_S

    def note(self) -> None:
        """Note that it is used now."""
        now = time.monotonic()
        if now - self._noted_at >= STAMP_S:
            self._noted_at = now
            os.utime(self.descriptor)


class _Found(NamedTuple):
    name: str
    used_at: float
    size_bytes: int


def touch(folder: Path) -> None:
    """Note that a folder of a shelf is used now, without holding it."""
    with suppress(OSError):
        _mark(folder).touch()


def size_of(folder: Path) -> int:
    """Bytes on disk under a folder; a file that several names share counts once."""
    total, seen, pending = 0, set(), [str(folder)]
    while pending:  # a loop, since `os.walk` calls itself for each level in older versions of Python
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                    continue
                status = entry.stat(follow_symlinks=False)
                if status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                    total += status.st_blocks * 512
                if status.st_nlink > 1:
                    seen.add((status.st_dev, status.st_ino))
    return total


def _mark(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_USED}")


def _used_at(folder: Path) -> float:
    times = []
    for path in (_mark(folder), folder):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times, default=time.time())


def _lock_shared(mark: Path) -> int:
    """A descriptor with a shared lock on the file that has this name now."""
    while True:
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # a sweep holds it for no longer than one rename
        if _is_named(descriptor, mark):
            return descriptor
        os.close(descriptor)


def _is_named(descriptor: int, mark: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), mark.stat())
    except FileNotFoundError:
        return False


def _remove(folder: Path) -> bool:
    """Remove a folder unless somebody holds it."""
    gone = folder.with_name(f"{_GONE}{folder.name}-{uuid4().hex}")
    descriptor = os.open(_mark(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.rename(gone)
        _mark(folder).unlink()
    except OSError:  # held, or another process was first
        return False
    finally:
        os.close(descriptor)
    remove(gone)
    return True


def _unlink_unheld(mark: Path) -> None:
    descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark.unlink()
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
