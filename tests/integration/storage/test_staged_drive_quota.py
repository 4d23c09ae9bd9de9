"""Files that jobs store in a remote storage are limited to the quota and counted, also after failures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from backend.config.quotas import Quotas
from backend.core.db.engine import Database
from backend.data.drive import usage
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.storage.errors import StorageUnavailable
from backend.storage.file_errors import DriveQuotaReached, PathTaken
from backend.storage.paths import parse_drive_path
from backend.storage.supabase.storage import SupabaseStorage
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_server import SupabaseServer
from tests.integration.storage.conftest import BUCKETS, ProjectDrive
from tests.integration.storage.test_fencing import claimed, staged
from workers.drives.errors import ChangedFilesTooMuch
from workers.drives.scan import MAX_FILES
from workers.drives.staged import StagedDrive, StagedDrives

__all__ = ["claimed", "staged"]

QUOTAS = Quotas(drive_mb=1, drive_files=4)
MIB = 1 << 20


@pytest_asyncio.fixture
async def drives(
    supabase_storage: SupabaseStorage, database: Database, tmp_path: Path
) -> AsyncIterator[StagedDrives]:
    drives = StagedDrives(supabase_storage, database, QUOTAS, tmp_path / "drives")
    yield drives
    drives.close()


@pytest.fixture
def drive(supabase_storage: SupabaseStorage, staged: StagedDrive) -> ProjectDrive:
    """Return the drive that stores the files of the job."""
    return ProjectDrive(supabase_storage, staged.project_id, None)


async def counted_usage(database: Database, staged: StagedDrive) -> tuple[int, int]:
    async with database.transaction() as session:
        found = await usage.read(session, QUOTAS, staged.project_id)
    return found.bytes, found.files


def stored(supabase: SupabaseServer) -> dict[str, int]:
    objects = supabase.objects(BUCKETS.drive).items()
    return {key.partition("/")[2]: len(data) for key, data in objects}


async def test_files_over_the_quota_are_neither_stored_nor_counted(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    supabase: SupabaseServer,
) -> None:
    for name in ("a.bin", "b.bin"):
        (staged.folder / name).write_bytes(bytes(600_000))
    with pytest.raises(DriveQuotaReached) as rejected:
        await drives.store_changes(staged, claimed)
    assert (rejected.value.fields["used"], rejected.value.fields["wanted"]) == (0, 1_200_000)
    assert (stored(supabase), await counted_usage(database, staged)) == ({}, (0, 0))
    for name in ("b.bin", "c", "d", "e", "f"):
        (staged.folder / name).write_bytes(b"")
    with pytest.raises(DriveQuotaReached) as rejected:
        await drives.store_changes(staged, claimed)
    assert rejected.value.fields["quota"] == "drive_files"


async def test_replaced_files_free_space_for_their_replacements(
    drives: StagedDrives, database: Database, claimed: JobAttempt, staged: StagedDrive, drive: ProjectDrive
) -> None:
    await drive.write("a.bin", bytes(900_000))
    (staged.folder / "a.bin").write_bytes(bytes(1_000_000))
    await drives.store_changes(staged, claimed)
    assert await counted_usage(database, staged) == (1_000_000, 1)


async def test_job_can_only_shrink_a_drive_over_its_quota(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    drive: ProjectDrive,
    supabase: SupabaseServer,
) -> None:
    await drive.write("a.bin", bytes(2 * MIB))
    await drive.write("b.bin", bytes(MIB))
    (staged.folder / "summary").write_bytes(b"x")
    with pytest.raises(DriveQuotaReached):
        await drives.store_changes(staged, claimed)
    assert "summary" not in stored(supabase)
    await drives.store_changes(staged, claimed, {parse_drive_path("a.bin")})
    assert stored(supabase) == {"b.bin": MIB, "summary": 1}
    assert await counted_usage(database, staged) == (MIB + 1, 2)
    (staged.folder / "b.bin").write_bytes(bytes(100))
    await drives.store_changes(staged, claimed)
    assert await counted_usage(database, staged) == (101, 2)


async def test_files_with_an_unknown_result_count_once_until_known(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    staged: StagedDrive,
    supabase: SupabaseServer,
) -> None:
    for name in ("a.bin", "b.bin"):
        (staged.folder / name).write_bytes(bytes(500_000))
    supabase.faults.append(Fault("POST", "/puras-drive/.*/b.bin", "status", times=12))
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await drives.store_changes(staged, claimed)
        assert await counted_usage(database, staged) == (1_000_000, 2)
    await drives.store_changes(staged, claimed)
    assert stored(supabase) == {"a.bin": 500_000, "b.bin": 500_000}
    assert await counted_usage(database, staged) == (1_000_000, 2)


async def test_files_that_can_no_longer_be_stored_free_their_space(
    drives: StagedDrives, database: Database, claimed: JobAttempt, staged: StagedDrive, drive: ProjectDrive
) -> None:
    await drive.write("taken/a.txt", b"x")
    (staged.folder / "taken").write_bytes(bytes(1000))
    (staged.folder / "fine").write_bytes(b"yy")
    with pytest.raises(PathTaken):
        await drives.store_changes(staged, claimed)
    assert await counted_usage(database, staged) == (3, 2)


async def test_number_of_deletions_of_a_job_is_limited(
    drives: StagedDrives, claimed: JobAttempt, staged: StagedDrive, supabase: SupabaseServer
) -> None:
    count_before = len(supabase.requests)
    with pytest.raises(ChangedFilesTooMuch):
        await drives.store_changes(staged, claimed, {parse_drive_path(str(n)) for n in range(MAX_FILES + 1)})
    assert len(supabase.requests) == count_before
