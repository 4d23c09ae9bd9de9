"""Caches of folders that can be created again: used folders are kept, unused ones are deleted.

A process that uses a folder holds a shared lock on a file next to it, which every process of the host respects.
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

STAMP_S: Final = 60.0
"""Minimum time between two updates of the time of the last use."""

_MAX_HELD: Final = 64
"""Maximum descriptors of folders that are not in use."""
_USED: Final = ".used"
_GONE: Final = ".gone-"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a cache."""

    max_bytes: int
    unused_s: float
    """Folders that were not used for this time are deleted."""
    keep_s: float = 3_600.0
    """Folders that were used within this time are kept in any case: processes without a job may have them open."""


class CacheDir:
    """A folder of cached folders; it ignores files, and names that start with a dot."""

    def __init__(self, root: Path, bounds: Bounds) -> None:
        self._root = root
        self._bounds = bounds
        self._holds: dict[str, _Hold] = {}
        self._lock = threading.Lock()  # a sweep in a thread closes unused descriptors
        self._sizes: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Return the name of the cache."""
        return self._root.name

    @contextmanager
    def hold(self, name: str) -> Iterator[bool]:
        """Prevent the deletion of a folder within the block; yield False if it does not exist."""
        hold = self._acquire(name)
        try:
            yield (self._root / name).is_dir()
        finally:
            with self._lock:
                hold.record_use()
                hold.users -= 1

    def sweep(self) -> list[str]:
        """Delete folders that were unused for too long, then the least recently used ones above the size limit."""
        with self._lock:
            self._close_unused()
        if not self._root.is_dir():
            return []
        now, removed = time.time(), []
        found = sorted(self._cached_folders(), key=lambda folder: folder.used_at)
        total = sum(folder.size_bytes for folder in found)
        for folder in found:
            unused_s = now - folder.used_at
            is_due = unused_s > self._bounds.unused_s or total > self._bounds.max_bytes
            if is_due and unused_s >= self._bounds.keep_s and _remove(self._root / folder.name):
                removed.append(folder.name)
                total -= folder.size_bytes
                self._sizes.pop(folder.name, None)
        self._remove_leftovers(now)
        return removed

    def close(self) -> None:
        """Close all descriptors."""
        with self._lock:
            for hold in self._holds.values():
                os.close(hold.descriptor)
            self._holds.clear()

    def _acquire(self, name: str) -> _Hold:
        with self._lock:
            hold = self._holds.get(name)
            if hold is None:
                if len(self._holds) >= _MAX_HELD:
                    self._close_unused()
                self._root.mkdir(parents=True, exist_ok=True)
                hold = self._holds[name] = _Hold(_lock_shared(_mark(self._root / name)))
            hold.record_use()
            hold.users += 1
            return hold

    def _close_unused(self) -> None:
        for name, hold in list(self._holds.items()):
            if not hold.users:
                del self._holds[name]
                os.close(hold.descriptor)

    def _cached_folders(self) -> list[_CachedFolder]:
        found = []
        for folder in self._root.iterdir():
            if folder.name.startswith(".") or not folder.is_dir() or folder.is_symlink():
                continue
            if folder.name not in self._sizes:  # they never change
                self._sizes[folder.name] = size_of(folder)
            found.append(_CachedFolder(folder.name, _used_at(folder), self._sizes[folder.name]))
        return found

    def _remove_leftovers(self, now: float) -> None:
        """Remove what an interrupted sweep has left, and lock files of folders that no longer exist."""
        for path in self._root.glob(f"{_GONE}*"):
            remove(path)
        for mark in self._root.glob(f".*{_USED}"):
            folder = self._root / mark.name.removeprefix(".").removesuffix(_USED)
            with suppress(OSError):
                if not folder.exists() and now - mark.stat().st_mtime > self._bounds.unused_s:
                    _unlink_unused(mark)


class _Hold:
    """A shared lock of this process on one folder."""

    __slots__ = ("_recorded_at", "descriptor", "users")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.users = 0
        self._recorded_at = -STAMP_S

    def record_use(self) -> None:
        """Record that the folder is used now."""
        now = time.monotonic()
        if now - self._recorded_at >= STAMP_S:
            self._recorded_at = now
            os.utime(self.descriptor)


class _CachedFolder(NamedTuple):
    name: str
    used_at: float
    size_bytes: int


def touch(folder: Path) -> None:
    """Record that a cached folder is used now, without holding it."""
    with suppress(OSError):
        _mark(folder).touch()


def size_of(folder: Path) -> int:
    """Return the disk space of a folder in bytes; a file with several names counts once."""
    total, seen, pending = 0, set(), [str(folder)]
    while pending:  # not `os.walk`, which is recursive in older versions of Python
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
    """Return a descriptor with a shared lock on the file that currently has this name."""
    while True:
        descriptor = os.open(mark, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # a sweep holds it only for one rename
        if _is_named(descriptor, mark):
            return descriptor
        os.close(descriptor)


def _is_named(descriptor: int, mark: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), mark.stat())
    except FileNotFoundError:
        return False


def _remove(folder: Path) -> bool:
    """Remove a folder unless it is in use; return whether it was removed."""
    gone = folder.with_name(f"{_GONE}{folder.name}-{uuid4().hex}")
    descriptor = os.open(_mark(folder), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        folder.rename(gone)
        _mark(folder).unlink()
    except OSError:  # in use, or another process has removed it
        return False
    finally:
        os.close(descriptor)
    remove(gone)
    return True


def _unlink_unused(mark: Path) -> None:
    descriptor = os.open(mark, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mark.unlink()
    except BlockingIOError:
        pass
    finally:
        os.close(descriptor)
