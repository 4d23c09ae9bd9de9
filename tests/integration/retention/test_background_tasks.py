"""Background tasks of a process continue after an unexpected error."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.process_metrics import reporter as reporting
from backend.core.process_metrics.reporter import Reporter
from backend.storage.local import LocalStorage
from backend.storage.paths import DrivePath
from tests.factories.tenants import make_job, make_tenant
from workers.drives import change_tracking as looking
from workers.drives.change_tracking import ChangeTracker

WITHIN_S = 90
"""Timeout for events that normally happen immediately, but later on a busy host."""


class FailingStorage(LocalStorage):
    """A storage that fails to find drives for the first N scans."""

    def __init__(self, root: Path, failures: int) -> None:
        super().__init__(root)
        self.failures = failures

    def drive_dir(self, project_id: UUID, owner_uid: int | None) -> Path:
        self.failures -= 1
        if self.failures >= 0:
            raise RuntimeError("an unexpected error")
        return super().drive_dir(project_id, owner_uid)


async def test_metrics_are_reported_after_an_error(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "EVERY_S", 0.0)
    measured: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def measure() -> None:
        loop.call_soon_threadsafe(measured.put_nowait, None)
        raise RuntimeError("an unexpected error")

    reporter = Reporter(database, "worker", registry=CollectorRegistry(), measure=measure)
    reporter.start()
    async with asyncio.timeout(WITHIN_S):
        await measured.get()
        await measured.get()
        await reporter.close()


async def test_drive_is_scanned_again_after_a_failed_scan(
    instance: AppContext, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MIN_PAUSE_S", 0.0)
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
        await session.execute(text("update jobs set attempt = 1, started_at = now() - interval '1 minute'"))
    (LocalStorage(tmp_path).drive_dir(tenant.project_id, None) / "made.txt").write_text("by the job")
    tracker = ChangeTracker(replace(instance, storage=FailingStorage(tmp_path, failures=1)))
    tracker.note(tenant.project_id, job_id, time.time() - 60)
    query = text("select written_by ->> 'id' from drive_files where path = 'made.txt'")
    async with asyncio.timeout(WITHIN_S):
        while True:
            async with database.read_session() as session:
                if await session.scalar(query) == str(job_id):
                    break
            await asyncio.sleep(0.05)  # another task of this event loop writes the row
    await tracker.close()


async def test_scans_of_a_drive_that_always_fail_end(
    instance: AppContext, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "MIN_PAUSE_S", 0.0)
    monkeypatch.setattr(looking, "MAX_ATTEMPTS", 2)
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
    storage = FailingStorage(tmp_path, failures=1_000)
    tracker = ChangeTracker(replace(instance, storage=storage))
    tracker.note(tenant.project_id, job_id, time.time(), [DrivePath(("a",))])
    (task,) = (one for one in asyncio.all_tasks() if one.get_name() == "drive checks")
    async with asyncio.timeout(WITHIN_S):
        await task
    assert storage.failures == 998
