"""Bundles on the disk of a machine that runs their skills: unpacked once, never changed."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp

from backend.bundles.archive import Archive, unpack
from backend.storage import Storage


async def ensure_unpacked(storage: Storage, cache_dir: Path, sha256: str) -> Path:
    """The folder of the unpacked bundle, readable by everyone and writable by nobody who runs jobs.

    Any number of processes may ask at once: each unpacks beside the place and renames; the first one wins.

    Raises:
        PurasError: the storage does not have the bundle.
    """
    place = cache_dir / sha256
    if not place.is_dir():
        data = await storage.get_bundle(sha256)
        await asyncio.to_thread(_unpack_to, data, place)
    return place


def _unpack_to(data: bytes, place: Path) -> None:
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".{place.name[:16]}-", dir=place.parent))
    try:
        unpack(Archive(data), beside)
        beside.chmod(0o755)
        os.rename(beside, place)  # noqa: PTH104 - fails on a folder that is there already, as it should
    except OSError:
        if not place.is_dir():
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
