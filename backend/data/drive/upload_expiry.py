"""Uploads that nobody goes on with: forgotten after their time, whosesoever they are, with their bytes."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.storage import Storage

_AT_ONCE: Final = 1_000

_EXPIRED: Final = text("delete from drive_uploads where expires_at < now()")
_KNOWN: Final = text("select id from drive_uploads where id = any(:ids) and finished_at is null")


async def sweep(database: Database, storage: Storage, *, may_continue: Callable[[], bool]) -> None:
    """Forget uploads over their time, and remove files on this machine that belong to none."""
    async with database.transaction() as session:
        await session.execute(_EXPIRED)
    long_enough_ago = (now() - timedelta(minutes=10)).timestamp()  # its row may be about to be stored
    files = await to_thread(_old_files, storage.uploads_dir, long_enough_ago)
    while files and may_continue():
        some, files = files[:_AT_ONCE], files[_AT_ONCE:]
        async with database.transaction() as session:
            known = set((await session.scalars(_KNOWN, {"ids": [UUID(file.name) for file in some]})).all())
        for file in some:
            if UUID(file.name) not in known:
                file.unlink(missing_ok=True)


def _old_files(folder: Path, before: float) -> list[Path]:
    found = []
    for file in folder.iterdir():
        try:
            UUID(file.name)
            if file.stat().st_mtime < before:
                found.append(file)
        except (ValueError, FileNotFoundError):  # not ours, or finished just now
            continue
    return found
