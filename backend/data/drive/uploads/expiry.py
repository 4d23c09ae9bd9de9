"""Delete expired uploads of all projects, with their bytes."""

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

_BATCH_SIZE: Final = 1_000

_EXPIRED: Final = text("delete from drive_uploads where expires_at < now()")
_UNFINISHED: Final = text("select id from drive_uploads where id = any(:ids) and finished_at is null")


async def sweep(database: Database, storage: Storage, *, may_continue: Callable[[], bool]) -> None:
    """Delete expired uploads, and files of this host that belong to none."""
    async with database.transaction() as session:
        await session.execute(_EXPIRED)
    max_modified_at = (now() - timedelta(minutes=10)).timestamp()  # a newer file may not have its row yet
    files = await to_thread(_old_files, storage.uploads_dir, max_modified_at)
    while files and may_continue():
        batch, files = files[:_BATCH_SIZE], files[_BATCH_SIZE:]
        async with database.transaction() as session:
            unfinished = set(
                (await session.scalars(_UNFINISHED, {"ids": [UUID(file.name) for file in batch]})).all()
            )
        for file in batch:
            if UUID(file.name) not in unfinished:
                file.unlink(missing_ok=True)


def _old_files(folder: Path, before: float) -> list[Path]:
    found = []
    for file in folder.iterdir():
        try:
            UUID(file.name)
            if file.stat().st_mtime < before:
                found.append(file)
        except (ValueError, FileNotFoundError):  # not an upload, or finished just now
            continue
    return found
