"""Files of an attempt that is no longer the running one do not appear in the drive, even if they are being sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from backend.config.quotas import Quotas
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.worker_registry import service as worker_registry
from backend.storage.errors import StorageUnavailable
from backend.storage.supabase.storage import SupabaseStorage
from backend.storage.supabase.uploads import PIECE_BYTES
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_server import SupabaseServer
from tests.factories.tenants import make_job, make_tenant
from tests.integration.storage.conftest import BUCKETS
from workers.drives.errors import AttemptLost
from workers.drives.staged import StagedDrive, StagedDrives


@pytest_asyncio.fixture
async def drives(
    supabase_storage: SupabaseStorage, database: Database, tmp_path: Path
) -> AsyncIterator[StagedDrives]:
    drives = StagedDrives(supabase_storage, database, Quotas(), tmp_path / "drives")
    yield drives
    drives.close()


@pytest_asyncio.fixture
async def claimed(database: Database) -> JobAttempt:
    async with database.transaction() as session:
        await make_job(session, await make_tenant(session))
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=1, layers=[])
        [claimed] = await claim(session, worker_id=worker_id, lane="default", limit=1)
    return claimed


@pytest.fixture
def staged(claimed: JobAttempt, tmp_path: Path) -> StagedDrive:
    folder = tmp_path / "own"
    folder.mkdir()
    return StagedDrive(folder, claimed.project_id, 64 << 20)


async def lose_worker(database: Database) -> None:
    """Requeue the jobs of the worker, as other workers do when its lease has expired."""
    async with database.transaction() as session:
        await session.execute(text("update workers set beat_at = to_timestamp(0)"))
    async with database.transaction() as session:
        await sweep(session)


async def test_lost_attempt_stores_no_files(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    supabase: SupabaseServer,
) -> None:
    (staged.folder / "a.txt").write_text("stale")
    await lose_worker(database)
    with pytest.raises(AttemptLost):
        await drives.store_changes(staged, claimed)
    assert supabase.objects(BUCKETS.drive) == {}


async def test_job_that_is_being_cancelled_stores_no_files(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    supabase: SupabaseServer,
) -> None:
    (staged.folder / "a.txt").write_text("x")
    async with database.transaction() as session:
        await session.execute(text("update jobs set cancel_requested_at = now()"))
    with pytest.raises(AttemptLost):
        await drives.store_changes(staged, claimed)
    assert supabase.objects(BUCKETS.drive) == {}


@pytest.mark.parametrize("size_bytes", [0, 5, 600_000, PIECE_BYTES + 5, PIECE_BYTES * 3])
async def test_file_being_sent_when_the_attempt_is_lost_does_not_appear(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    supabase: SupabaseServer,
    *,
    size_bytes: int,
) -> None:
    """The storage is slow with the second-to-last request; meanwhile the worker is declared lost."""
    (staged.folder / "a.bin").write_bytes(os.urandom(size_bytes))
    slow = Fault("POST", "/object/list-v2", "slow", seconds=1.0)
    supabase.faults.append(slow)
    putting = asyncio.create_task(drives.store_changes(staged, claimed))
    async with asyncio.timeout(10):
        while not slow.met:  # noqa: ASYNC110 - the state of another thread
            await asyncio.sleep(0.005)
    await lose_worker(database)
    with pytest.raises(AttemptLost):
        await putting
    assert supabase.objects(BUCKETS.drive) == {}


async def test_storing_files_continues_after_an_interruption(
    drives: StagedDrives, claimed: JobAttempt, staged: StagedDrive, supabase: SupabaseServer
) -> None:
    for number in range(9):
        (staged.folder / f"{number}.txt").write_text(str(number))
    supabase.faults.append(Fault("POST", "/puras-drive/.*/8.txt", "status", times=4))
    with pytest.raises(StorageUnavailable):
        await drives.store_changes(staged, claimed)
    await drives.store_changes(staged, claimed)
    assert sorted(supabase.objects(BUCKETS.drive).values()) == [str(n).encode() for n in range(9)]
    puts = [path for method, path in supabase.requests if method == "POST" and path.endswith("/0.txt")]
    assert len(puts) == 1
