"""Jobs in a live drive that is over its quota: they can free space, and cannot use more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from backend.data.drive.usage import Usage
from backend.storage.file_errors import DriveOverQuota
from tests.integration.storage.conftest import LiveDrive
from workers.drives.overfull import fail_on_growth, measure_overfull
from workers.types import Failure, Measured, Outcome, Success

MEASURED = Measured(1.5)


def usage(size_bytes: int = 0, files: int = 0) -> Usage:
    return Usage(size_bytes, files, None, 0, 0, max_bytes=1000, max_files=3)


@pytest.fixture
def drive(live_drive: LiveDrive) -> LiveDrive:
    (live_drive.folder / "large").write_bytes(bytes(1500))
    return live_drive


async def run_job(drive: LiveDrive, work: Callable[[], object], outcome: Outcome) -> Outcome:
    """Return the outcome of a job that does the work in the drive and ends immediately."""

    async def run() -> Outcome:
        work()
        return outcome

    return await fail_on_growth(await measure_overfull(drive.storage, drive.project_id, usage()), run())


async def test_job_may_delete_and_change_existing_files(drive: LiveDrive) -> None:
    done = Success(1, MEASURED)
    assert await run_job(drive, lambda: (drive.folder / "large").write_bytes(bytes(1500)), done) == done
    assert await run_job(drive, lambda: (drive.folder / "large").unlink(), done) == done


async def test_job_that_ends_with_a_larger_drive_fails(drive: LiveDrive) -> None:
    outcome = await run_job(
        drive, lambda: (drive.folder / "more").write_bytes(bytes(10)), Success(1, MEASURED)
    )
    assert isinstance(outcome, Failure)
    assert (outcome.code, outcome.measured) == ("drive_over_quota", MEASURED)
    assert "may have 1,000 bytes and had 1,500" in outcome.message
    assert "grew by 10" in outcome.message
    assert "DELETE /v1/drive/files" in outcome.message


async def test_failed_job_reports_its_own_error(drive: LiveDrive) -> None:
    failure = Failure("exception", "no", MEASURED)
    assert await run_job(drive, lambda: (drive.folder / "more").write_bytes(b"x"), failure) == failure


async def test_space_freed_before_the_job_started_is_available(drive: LiveDrive) -> None:
    (drive.folder / "large").write_bytes(bytes(500))
    done = Success(1, MEASURED)
    assert await run_job(drive, lambda: (drive.folder / "more").write_bytes(bytes(500)), done) == done
    outcome = await run_job(drive, lambda: (drive.folder / "most").write_bytes(b"x"), done)
    assert isinstance(outcome, Failure)


async def test_number_of_files_and_folders_is_limited(drive: LiveDrive) -> None:
    def fill() -> None:
        (drive.folder / "large").write_bytes(b"")
        for number in range(3):
            (drive.folder / str(number)).mkdir()

    outcome = await run_job(drive, fill, Success(1, MEASURED))
    assert isinstance(outcome, Failure)
    assert "may have 3 files and folders and had 1" in outcome.message
    assert "--drive-files" in outcome.message


async def test_job_that_continues_to_write_is_stopped(drive: LiveDrive) -> None:
    has_ended = asyncio.Event()

    async def run() -> Outcome:
        (drive.folder / "more").write_bytes(b"x")
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            has_ended.set()

    async with asyncio.timeout(5):
        outcome = await fail_on_growth(
            await measure_overfull(drive.storage, drive.project_id, usage()), run()
        )
    assert isinstance(outcome, Failure)
    assert (outcome.code, has_ended.is_set()) == ("drive_over_quota", True)


async def test_cancelled_job_is_stopped(drive: LiveDrive) -> None:
    has_started, has_ended = asyncio.Event(), asyncio.Event()

    async def run() -> Outcome:
        has_started.set()
        try:
            await asyncio.Event().wait()
            raise AssertionError
        finally:
            has_ended.set()

    task = asyncio.create_task(
        fail_on_growth(await measure_overfull(drive.storage, drive.project_id, usage()), run())
    )
    await has_started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert has_ended.is_set()


@pytest.mark.parametrize(("size_bytes", "files"), [(2001, 0), (0, 7)])
def test_no_job_starts_at_twice_the_limit(size_bytes: int, files: int) -> None:
    usage(2000, 6).require_not_far_over()
    with pytest.raises(DriveOverQuota, match="no job starts"):
        usage(size_bytes, files).require_not_far_over()
