"""What jobs put back into a storage that is elsewhere: held to the quota and counted, whatever goes wrong meanwhile."""

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
from tests.integration.storage.conftest import BUCKETS, DriveOf
from tests.integration.storage.test_fencing import claimed, own
from workers.drives.errors import ChangedFilesTooMuch
from workers.drives.scan import MAX_FILES
from workers.drives.staged import StagedDrive, StagedDrives

__all__ = ["claimed", "own"]

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
def drive(supabase_storage: SupabaseStorage, own: StagedDrive) -> DriveOf:
    """The drive that the job's files go to."""
    return DriveOf(supabase_storage, own.project_id, None)


async def counted(database: Database, own: StagedDrive) -> tuple[int, int]:
    async with database.transaction() as session:
        found = await usage.read(session, QUOTAS, own.project_id)
    return found.bytes, found.files


def stored(supabase: SupabaseServer) -> dict[str, int]:
    objects = supabase.objects(BUCKETS.drive).items()
    return {key.partition("/")[2]: len(data) for key, data in objects}


async def test_of_what_does_not_fit_nothing_is_stored_and_nothing_counted(
    drives: StagedDrives, database: Database, claimed: JobAttempt, own: StagedDrive, supabase: SupabaseServer
) -> None:
    for name in ("a.bin", "b.bin"):
        (own.folder / name).write_bytes(bytes(600_000))
    with pytest.raises(DriveQuotaReached) as refused:
        await drives.store_changes(own, claimed)
    assert (refused.value.fields["used"], refused.value.fields["wanted"]) == (0, 1_200_000)
    assert (stored(supabase), await counted(database, own)) == ({}, (0, 0))
    for name in ("b.bin", "c", "d", "e", "f"):
        (own.folder / name).write_bytes(b"")
    with pytest.raises(DriveQuotaReached) as refused:
        await drives.store_changes(own, claimed)
    assert refused.value.fields["quota"] == "drive_files"


async def test_what_is_replaced_makes_room_for_what_replaces_it(
    drives: StagedDrives, database: Database, claimed: JobAttempt, own: StagedDrive, drive: DriveOf
) -> None:
    await drive.write("a.bin", bytes(900_000))
    (own.folder / "a.bin").write_bytes(bytes(1_000_000))
    await drives.store_changes(own, claimed)
    assert await counted(database, own) == (1_000_000, 1)


async def test_a_job_makes_an_overfilled_drive_smaller_and_never_larger(
    drives: StagedDrives,
    database: Database,
    claimed: JobAttempt,
    own: StagedDrive,
    drive: DriveOf,
    supabase: SupabaseServer,
) -> None:
    await drive.write("a.bin", bytes(2 * MIB))
    await drive.write("b.bin", bytes(MIB))
    (own.folder / "summary").write_bytes(b"x")
    with pytest.raises(DriveQuotaReached):
        await drives.store_changes(own, claimed)
    assert "summary" not in stored(supabase)
    await drives.store_changes(own, claimed, {parse_drive_path("a.bin")})
    assert stored(supabase) == {"b.bin": MIB, "summary": 1}
    assert await counted(database, own) == (MIB + 1, 2)
    (own.folder / "b.bin").write_bytes(bytes(100))
    await drives.store_changes(own, claimed)
    assert await counted(database, own) == (101, 2)


async def test_what_may_have_arrived_counts_once_until_it_has(
    drives: StagedDrives, database: Database, claimed: JobAttempt, own: StagedDrive, supabase: SupabaseServer
) -> None:
    for name in ("a.bin", "b.bin"):
        (own.folder / name).write_bytes(bytes(500_000))
    supabase.faults.append(Fault("POST", "/puras-drive/.*/b.bin", "status", times=12))
    for _ in range(3):
        with pytest.raises(StorageUnavailable):
            await drives.store_changes(own, claimed)
        assert await counted(database, own) == (1_000_000, 2)
    await drives.store_changes(own, claimed)
    assert stored(supabase) == {"a.bin": 500_000, "b.bin": 500_000}
    assert await counted(database, own) == (1_000_000, 2)


async def test_what_can_never_arrive_gives_its_room_back(
    drives: StagedDrives, database: Database, claimed: JobAttempt, own: StagedDrive, drive: DriveOf
) -> None:
    await drive.write("taken/a.txt", b"x")
    (own.folder / "taken").write_bytes(bytes(1000))
    (own.folder / "fine").write_bytes(b"yy")
    with pytest.raises(PathTaken):
        await drives.store_changes(own, claimed)
    assert await counted(database, own) == (3, 2)


async def test_a_job_cannot_have_any_number_of_files_deleted(
    drives: StagedDrives, claimed: JobAttempt, own: StagedDrive, supabase: SupabaseServer
) -> None:
    asked = len(supabase.requests)
    with pytest.raises(ChangedFilesTooMuch):
        await drives.store_changes(own, claimed, {parse_drive_path(str(n)) for n in range(MAX_FILES + 1)})
    assert len(supabase.requests) == asked
