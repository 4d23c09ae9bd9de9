"""Coordinate the builds of worker processes with files: locks, and recent failures."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.storage.cache_dir import size_of
from backend.storage.removal import remove
from workers.sandbox.packages.errors import EnvironmentFailed, WheelsMissing

REMEMBER_FAILURE_S: Final = 60.0  # an invalid requirements.txt must not be tried again for every waiting job
REMEMBER_MISSING_S: Final = 3600.0  # wheels appear when they are published
RECENT_S: Final = 3600.0  # how long the size of a build counts toward the quota
_LOCK_POLL_S: Final = 0.1


def remember_failure(file: Path, error: EnvironmentFailed) -> None:
    """Record a failure, unless it was already recorded."""
    if remembered_failure(file) is None:
        names = error.names if isinstance(error, WheelsMissing) else []
        body = {"at": time.time(), "why": error.detail, "log": error.log, "names": names}
        file.write_text(json.dumps(body), encoding="utf-8")


def remembered_failure(file: Path) -> EnvironmentFailed | None:
    """Return the recent failure, if there was one."""
    try:
        body = json.loads(file.read_text(encoding="utf-8"))
        names, age_s = [str(name) for name in body["names"]], time.time() - float(body["at"])
        if names:
            return WheelsMissing(names, str(body["log"])) if age_s < REMEMBER_MISSING_S else None
        return EnvironmentFailed(str(body["why"]), str(body["log"])) if age_s < REMEMBER_FAILURE_S else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_size(root: Path, key: str, project_id: UUID) -> None:
    """Record which project has built an environment, and how large it is."""
    body = {"at": time.time(), "project": str(project_id), "size_bytes": size_of(root / key)}
    (root / f".{key}.size").write_text(json.dumps(body), encoding="utf-8")


def recent_bytes(root: Path, project_id: UUID) -> int:
    """Return the bytes of the environments that a project has built in the last `RECENT_S` seconds."""
    total = 0
    for file in root.glob(".*.size"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            body = json.loads(file.read_text(encoding="utf-8"))
            if body["project"] == str(project_id) and time.time() - float(body["at"]) < RECENT_S:
                total += int(body["size_bytes"])
    return total


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    """Hold a file lock against all other worker processes of this host; the file is removed with the lock."""
    while (descriptor := _try_lock(file)) is None:  # noqa: ASYNC110 - the holder is another process
        await asyncio.sleep(_LOCK_POLL_S)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()  # while it is held: waiting processes create a new file
        os.close(descriptor)


def remove_leftovers(root: Path) -> int:
    """Remove what killed workers left in a folder of environments or wheels; returns the count.

    `.KEY.…` is only used while a process holds `.KEY.lock`.
    """
    count = 0
    for path in list(root.glob(".*")):
        key, _, kind = path.name[1:].partition(".")
        is_folder = path.is_dir() and not path.is_symlink()
        if not kind or not (is_folder or kind == "lock"):
            continue
        lock = root / f".{key}.lock"
        descriptor = _try_lock(lock)
        if descriptor is None:
            continue
        try:
            if is_folder:
                remove(path)
                count += 1
        finally:
            with suppress(OSError):
                lock.unlink()
            os.close(descriptor)
    for pattern, max_age_s in ((".*.failed", REMEMBER_MISSING_S), (".*.size", RECENT_S)):
        for file in root.glob(pattern):
            with suppress(OSError):
                if time.time() - file.stat().st_mtime > max_age_s:
                    file.unlink()
    return count


def _try_lock(file: Path) -> int | None:
    """Return a descriptor that holds the lock of the file with this name; None if another process holds it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), file.stat()):
            return descriptor
    os.close(descriptor)
    return None
