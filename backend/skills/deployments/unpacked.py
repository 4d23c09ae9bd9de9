"""Unpack bundles into folders on this host, once per bundle, shared by all of its jobs."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from backend.skills.archives.archive import Archive, unpack
from backend.storage import Storage
from backend.storage.cache_dir import STAMP_S, touch
from backend.storage.removal import remove

STALE_S: Final = 3_600.0  # unpacking takes less than an hour: an older folder was left by a killed process
PASSAGE: Final = 0o711  # jobs can open the bundle whose path they know, but cannot list other bundles

_PREFIX: Final = ".unpacking-"
_EMPTY: Final = "none"
_MAX_NOTED: Final = 1_000
_noted: dict[Path, float] = {}
_under_way: dict[tuple[asyncio.AbstractEventLoop, Path], asyncio.Task[None]] = {}


async def ensure_unpacked(storage: Storage, cache_dir: Path, sha256: str) -> Path:
    """Return the folder of the bundle: complete, the same for every process, readable by every user.

    Raises:
        BundleMissing: it is not in the storage.
        BundleDamaged: its bytes changed.
    """
    target = cache_dir / sha256
    if target.is_dir():
        _note_use(target)
        return target
    key = (asyncio.get_running_loop(), target)
    if key not in _under_way:
        _under_way[key] = asyncio.create_task(_fetch(storage, target))
        _under_way[key].add_done_callback(lambda _: _under_way.pop(key, None))
    await asyncio.shield(_under_way[key])
    return target


def ensure_empty(cache_dir: Path) -> Path:
    """Return the empty folder that jobs without a bundle use."""
    target = cache_dir / _EMPTY
    target.mkdir(mode=0o755, parents=True, exist_ok=True)
    with suppress(PermissionError):
        cache_dir.chmod(PASSAGE)
    _note_use(target)
    return target


def _note_use(target: Path) -> None:
    """Prevent the removal of the folder before the caller has locked it."""
    now = time.monotonic()
    if now - _noted.get(target, -STAMP_S) >= STAMP_S:
        _noted[target] = now
        touch(target)
        if len(_noted) > _MAX_NOTED:
            del _noted[next(iter(_noted))]


async def _fetch(storage: Storage, target: Path) -> None:
    data = await storage.get_bundle(target.name)
    await asyncio.to_thread(_unpack_into_place, data, target)


def _unpack_into_place(data: bytes, target: Path) -> None:
    """Unpack into a temporary folder and rename it, so that other processes see a complete folder or none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # of another user's
        target.parent.chmod(PASSAGE)
    _remove_stale(target.parent)
    draft = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=target.parent))
    try:
        unpack(Archive(data), draft)
        draft.chmod(0o755)
        _flush(draft)
        draft.rename(target)
    except OSError:
        if not target.is_dir():  # otherwise another process was first, and the content is the same
            raise
    finally:
        remove(draft)


def _flush(folder: Path) -> None:
    """Write the files to the disk.

    After a power failure, the renamed folder could contain empty files permanently.
    """
    for path in folder.rglob("*"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_stale(cache_dir: Path) -> None:
    for draft in cache_dir.glob(f"{_PREFIX}*"):
        try:
            is_stale = time.time() - draft.stat().st_mtime > STALE_S
        except FileNotFoundError:
            continue
        if is_stale:
            remove(draft)
