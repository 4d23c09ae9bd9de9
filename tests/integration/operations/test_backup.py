"""`puras-studio backup` and `restore`, as an operator runs them."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.administration.archives.errors import ArchiveDamaged, DiskFull
from backend.config import Settings
from backend.embedded import postgres
from backend.migrations import run as migrations
from backend.operations.backup import backup, restore
from backend.operations.backup.errors import BackupExists, KeysMissing, NotEmpty, WrongKeys
from benchmarks.client import Client
from tests.integration.drive.leases import write_lease
from tests.integration.operations.backups import FILES, SECRET, Source, copy_keys, restore_backup
from tests.integration.operations.instances import Up, eventually, new_up


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    with new_up() as up:
        yield Source(up)


@pytest.fixture
def target() -> Iterator[Up]:
    with new_up() as up:
        yield up


@pytest.mark.timeout(400)  # two instances start, run jobs and end
def test_restored_instance_equals_the_backed_up_one(source: Source, target: Up) -> None:
    copy_keys(source, target)
    restored = target.json("restore", str(source.plain))
    assert restored["is_signed"] is True
    assert restored["rows"] == source.report["rows"]

    target.start()
    target.wait_ready()
    with Client(target.port, source.api_key) as client:
        job = client.call("GET", f"/v1/jobs/{source.finished['id']}")
        assert (job["status"], job["result"]) == ("succeeded", {"n": 3})
        types = [event["type"] for event in client.call("GET", f"/v1/jobs/{job['id']}/events")]
        assert (types[0], types[-1]) == ("queued", "succeeded")
        assert client.run("token", {})["result"] == {"length": len(SECRET)}
        assert client.call("GET", "/v1/billing/balance")["balance_usd"] == 5
    drive = target.home / "storage" / "drive" / source.project_id
    assert {name: (drive / name).read_bytes() for name in FILES} == FILES
    assert (drive / "a" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (drive / "empty").stat().st_mtime == 1_700_000_000
    assert (drive / "nothing in it").is_dir()
    assert not (drive / "out").is_symlink(), "a link is not a file of a drive"
    owners = {path.stat().st_uid for path in (drive, *drive.rglob("*"))}
    assert owners == {source.drive.stat().st_uid}
    assert target.json("audit")["ok"] is True


def test_backup_is_private_and_contains_no_secrets(source: Source) -> None:
    for path in (source.plain, source.with_keys):
        assert path.stat().st_mode & 0o777 == 0o600
    plain, with_keys = (
        gzip.decompress(source.plain.read_bytes()),
        gzip.decompress(source.with_keys.read_bytes()),
    )
    key = source.keys.strip().encode()
    assert SECRET.encode() not in plain + with_keys
    assert key not in plain
    assert key in with_keys


def test_tar_can_extract_a_backup(source: Source, tmp_path: Path) -> None:
    opened = subprocess.run(
        ["tar", "-xzf", source.plain, "-C", tmp_path], capture_output=True, text=True, check=False
    )
    assert (opened.returncode, opened.stderr) == (0, "")
    assert (tmp_path / "drive" / source.project_id / "a/b c/ü.txt").read_bytes() == b"text"
    header = json.loads((tmp_path / "header.json").read_text())
    assert header["revision"] == migrations.newest_revision()


def test_backup_never_overwrites_a_file(source: Source) -> None:
    response = source.up.run("backup", str(source.plain))
    assert (response.returncode, "already exists" in response.stderr) == (1, True)
    into_folder = source.up.json("backup", str(source.up.folder))
    assert Path(into_folder["path"]).parent == source.up.folder
    Path(into_folder["path"]).unlink()


def test_interrupted_backup_leaves_nothing(source: Source) -> None:
    large = source.drive / "large"
    with large.open("wb") as file:
        file.truncate(2**31)
    place = source.up.folder / "stopped"
    place.mkdir()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.operations.cli", "backup", str(place / "b.tar.gz")],
            env=source.up.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        eventually(lambda: any(place.iterdir()), 30, "the backup has started")
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=30)
        assert process.returncode == 130, stderr
        assert list(place.iterdir()) == []
    finally:
        large.unlink()


def test_missing_bundle_is_reported_and_does_not_stop_the_backup(source: Source, target: Up) -> None:
    (bundle,) = (source.up.home / "storage" / "bundles").rglob("*.zip")
    moved = bundle.rename(bundle.with_suffix(".aside"))
    try:
        path = source.up.folder / "lossy.tar.gz"
        response = source.up.run("backup", "--with-keys", str(path))
    finally:
        moved.rename(bundle)
    assert response.returncode == 0
    assert f"1 bundles are in the database, but not in the storage ({bundle.stem[:12]})" in response.stdout
    assert target.json("restore", str(path))["missing_bundles"] == [bundle.stem]


def test_locked_file_is_reported_and_other_files_are_backed_up(source: Source) -> None:
    path = source.up.folder / "locked.tar.gz"
    with write_lease(source.drive / "a/b c/ü.txt"):
        response = source.up.run("backup", str(path))
    assert response.returncode == 0, response.stderr
    assert "1 files of drives are not in the backup" in response.stdout
    assert f"drive/{source.project_id}/a/b c/ü.txt" in response.stdout
    names = subprocess.run(["tar", "-tzf", path], capture_output=True, text=True, check=True).stdout
    assert "inner.bin" in names
    assert ".txt" not in names


async def test_non_empty_instance_is_not_restored_into(source: Source, target: Up) -> None:
    with pytest.raises(NotEmpty, match=r"contains .*postgres"):
        await restore_backup(source.settings, source.with_keys)
    target.home.mkdir()
    (target.home / "notes.txt").touch()
    with pytest.raises(NotEmpty, match=r"notes\.txt"):
        await restore_backup(Settings(home=target.home), source.with_keys)
    assert [path.name for path in target.home.iterdir()] == ["notes.txt"]


async def test_restore_without_keys_needs_an_explicit_option(source: Source, target: Up) -> None:
    with pytest.raises(KeysMissing, match="--without-keys"):
        await restore_backup(Settings(home=target.home), source.plain)
    assert not target.home.exists()
    restored = target.json("restore", "--without-keys", str(source.plain))
    assert (restored["is_signed"], restored["secrets"]) == (False, 1)


async def test_keys_of_another_instance_are_rejected_and_not_changed(source: Source, target: Up) -> None:
    other = "x3l1y4g2vBvT3mGq0aQq8yV4r2m4Xo6jI5d1kqS3b3E="
    (target.home / "keys").mkdir(parents=True, mode=0o755)
    target.home.chmod(0o755)
    key_file = target.home / "keys" / "secrets.key"
    key_file.write_text(other)
    key_file.chmod(0o600)
    with pytest.raises(WrongKeys):
        await restore_backup(Settings(home=target.home), source.plain)
    assert [path.name for path in target.home.iterdir()] == ["keys"]
    assert key_file.read_text() == other


async def test_truncated_backup_leaves_the_home_folder_empty(source: Source, target: Up) -> None:
    cut = target.folder / "cut.tar.gz"
    cut.write_bytes(source.with_keys.read_bytes()[:-200])
    with pytest.raises(ArchiveDamaged, match="truncated"):
        await restore_backup(Settings(home=target.home), cut)
    assert list(target.home.iterdir()) == []
    assert postgres.attach(target.home) is None
    assert (await restore_backup(Settings(home=target.home), source.with_keys)).is_signed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_full_disk_is_reported_before_anything_is_written(source: Source, target: Up) -> None:
    small = target.folder / "small"
    small.mkdir()
    mount(small)
    try:
        with pytest.raises(DiskFull, match="MiB free"):
            await backup.create(source.settings, small / "b.tar.gz", with_keys=False, report=print)
        with pytest.raises(DiskFull, match="MiB free"):
            await restore_backup(Settings(home=small / "home"), source.with_keys)
        assert list((small / "home").iterdir()) == []
    finally:
        unmount(small)


async def test_backup_needs_a_valid_path(source: Source, tmp_path: Path) -> None:
    response = source.up.run("backup", str(tmp_path / "no" / "folder" / "b.tar.gz"))
    assert (response.returncode, response.stderr.count("\n")) == (1, 1)
    assert "no such file or directory" in response.stderr
    response = source.up.run("restore", str(tmp_path / "nothing.tar.gz"))
    assert response.returncode == 1
    (tmp_path / "text.tar.gz").write_text("this is no backup")
    with pytest.raises(ArchiveDamaged, match="not a complete archive"):
        restore.check(source.settings, tmp_path / "text.tar.gz")
    with pytest.raises(BackupExists):
        await backup.create(source.settings, tmp_path / "text.tar.gz", with_keys=False, report=print)


def mount(folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", folder], check=True)


def unmount(folder: Path) -> None:
    subprocess.run(["umount", folder], check=True)
