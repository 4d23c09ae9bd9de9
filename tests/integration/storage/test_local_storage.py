"""The local storage: complete files or none, owned by their project, listed in order."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from pathlib import Path

import pytest

from backend.storage.errors import BundleDamaged, BundleMissing
from backend.storage.file_errors import DriveFileMissing, DriveFull, FolderNotEmpty
from backend.storage.local import LocalStorage
from backend.storage.paths import ROOT, parse_drive_path
from backend.storage.sandbox_uids import FIRST_UID, sandbox_uid
from tests.integration.storage.conftest import LiveDrive


async def test_bundle_is_stored_once_by_hash_and_verified(
    local_storage: LocalStorage, tmp_path: Path
) -> None:
    data = b"PK" + os.urandom(1000)
    sha256 = hashlib.sha256(data).hexdigest()
    await asyncio.gather(*(local_storage.put_bundle(sha256, data) for _ in range(8)))
    assert await local_storage.get_bundle(sha256) == data
    [stored] = [path for path in (tmp_path / "state" / "bundles").rglob("*") if path.is_file()]
    stored.write_bytes(b"changed")
    with pytest.raises(BundleDamaged):
        await local_storage.get_bundle(sha256)
    await local_storage.put_bundle(sha256, data)
    assert await local_storage.get_bundle(sha256) == data
    await local_storage.delete_bundle(sha256)
    await local_storage.delete_bundle(sha256)
    with pytest.raises(BundleMissing):
        await local_storage.get_bundle(sha256)


async def test_bundle_with_a_wrong_hash_is_rejected(local_storage: LocalStorage, tmp_path: Path) -> None:
    with pytest.raises(BundleDamaged):
        await local_storage.put_bundle("0" * 64, b"data")
    for name in ("../../etc/passwd", "A" * 64, "0" * 63):
        with pytest.raises(BundleMissing):
            await local_storage.get_bundle(name)
    assert list((tmp_path / "state" / "bundles").iterdir()) == []


async def test_failed_upload_leaves_nothing(live_drive: LiveDrive, tmp_path: Path) -> None:
    with pytest.raises(ConnectionError):
        async with live_drive.storage.receive() as incoming:
            await incoming.write(b"half")
            raise ConnectionError
    assert list((tmp_path / "state" / "incoming").iterdir()) == []
    assert list(live_drive.folder.iterdir()) == []


async def test_partial_uploads_of_a_killed_process_are_deleted_after_a_day(tmp_path: Path) -> None:
    LocalStorage(tmp_path)
    for name, age_s in (("old", 90_000), ("new", 60)):
        staged = tmp_path / "incoming" / name
        staged.write_bytes(b"half")
        os.utime(staged, (staged.stat().st_mtime - age_s,) * 2)
    LocalStorage(tmp_path)
    assert [path.name for path in (tmp_path / "incoming").iterdir()] == ["new"]


async def test_all_files_of_a_drive_belong_to_the_user_id_of_the_project(live_drive: LiveDrive) -> None:
    await live_drive.write("a/b/c.txt", b"content")
    owner = live_drive.owner_uid if live_drive.owner_uid is not None else os.geteuid()
    for path in (live_drive.folder, *live_drive.folder.rglob("*")):
        assert path.stat().st_uid == owner
    assert stat.S_IMODE(live_drive.folder.stat().st_mode) == 0o700


def test_two_projects_never_share_a_user_id() -> None:
    if os.geteuid() != 0:
        assert sandbox_uid(1) is None
        return
    assert sandbox_uid(1) == FIRST_UID + 1
    assert sandbox_uid(2) == FIRST_UID + 2
    for number in (0, -5, 2**31):
        with pytest.raises(ValueError, match="no user ID"):
            sandbox_uid(number)


async def test_open_file_keeps_its_content_when_it_is_replaced(live_drive: LiveDrive) -> None:
    await live_drive.write("a.txt", b"first")
    file = await live_drive.storage.open_read(live_drive.project_id, parse_drive_path("a.txt"))
    await live_drive.write("a.txt", b"other")
    assert b"".join([chunk async for chunk in file.chunks(1, 3)]) == b"irs"
    await file.close()
    again = await live_drive.storage.stat(live_drive.project_id, parse_drive_path("a.txt"))
    assert again.version != file.entry.version


async def test_file_and_empty_folder_can_be_deleted_but_a_full_one_cannot(live_drive: LiveDrive) -> None:
    await live_drive.write("out/a.txt", b"x")
    with pytest.raises(FolderNotEmpty):
        await live_drive.storage.delete(live_drive.project_id, parse_drive_path("out"))
    await live_drive.storage.delete(live_drive.project_id, parse_drive_path("out/a.txt"))
    await live_drive.storage.delete(live_drive.project_id, parse_drive_path("out"))
    for gone in (parse_drive_path("out"), parse_drive_path("out/a.txt"), ROOT):
        with pytest.raises(DriveFileMissing):
            await live_drive.storage.delete(live_drive.project_id, gone)
    assert live_drive.folder.is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_full_disk_raises_a_storage_error(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with pytest.raises(DriveFull):
        async with storage.receive() as incoming:
            os.dup2(os.open("/dev/full", os.O_WRONLY), incoming._file.fileno())
            await incoming.write(b"x" * 3_000_000)
