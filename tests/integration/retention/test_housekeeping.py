"""Housekeeping is repeated, even after errors."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from backend import housekeeping
from backend.administration.retention.rules import Rules
from backend.core.db.engine import Database
from backend.storage.local import LocalStorage
from tests.factories.tenants import make_tenant

WITHIN_S = 20
KEEP_ALL = Rules(events=None, jobs=None, sessions=None, audit=None, deleted_projects=timedelta(days=7))


class FailingStorage(LocalStorage):
    """A storage that deletes nothing and raises the given error."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self.error = error
        self.requested: asyncio.Queue[str] = asyncio.Queue()

    async def delete_bundle(self, sha256: str) -> None:
        self.requested.put_nowait(sha256)
        raise self.error


@pytest.mark.parametrize("error", [TimeoutError(), RuntimeError("an unexpected error")], ids=repr)
async def test_housekeeping_continues_after_any_error(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.0)
    async with database.transaction() as session:
        await make_tenant(session)
        await session.execute(text("update deployments set deleted_at = now()"))
    storage = FailingStorage(tmp_path, error)
    repeating = asyncio.create_task(housekeeping.periodic_task(database, storage, KEEP_ALL).repeat())
    async with asyncio.timeout(WITHIN_S):
        assert await storage.requested.get() == await storage.requested.get(), (
            "the deletion was attempted again"
        )
    repeating.cancel()
    await asyncio.wait({repeating})
    assert repeating.cancelled()
