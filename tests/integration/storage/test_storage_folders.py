"""Folders on both storages: created, measured, moved and deleted by the same rules."""

from __future__ import annotations

import asyncio
import os
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from backend.storage import DriveEntry
from backend.storage.file_errors import DriveFileChanged, DriveFileMissing, PathTaken
from backend.storage.paths import ROOT, parse_drive_path
from tests.integration.storage.conftest import LiveDrive, ProjectDrive


async def paths(drive: ProjectDrive) -> list[str]:
    return [one.path for one in await drive.storage.list(drive.project_id, ROOT, recursive=True)]


async def move(drive: ProjectDrive, source: str, target: str, *, is_replacing: bool = False) -> str:
    entry = await drive.storage.move(
        drive.project_id,
        parse_drive_path(source),
        parse_drive_path(target),
        owner_uid=drive.owner_uid,
        is_replacing=is_replacing,
    )
    return entry.path


async def make(drive: ProjectDrive, path: str) -> None:
    await drive.storage.create_folder(drive.project_id, parse_drive_path(path), owner_uid=drive.owner_uid)


async def test_empty_folder_is_created_listed_and_deleted(drive: ProjectDrive) -> None:
    for _ in range(2):
        await make(drive, "out/deep")
    assert await paths(drive) == ["out", "out/deep"]
    entry = await drive.storage.stat(drive.project_id, parse_drive_path("out/deep"))
    assert entry.is_folder
    await drive.storage.delete(drive.project_id, parse_drive_path("out/deep"))
    assert "out/deep" not in await paths(drive)


async def test_folder_cannot_replace_a_file(drive: ProjectDrive) -> None:
    await drive.write("a.txt", b"x")
    with pytest.raises(PathTaken):
        await make(drive, "a.txt")


async def test_drive_usage_is_measured(drive: ProjectDrive) -> None:
    assert (await drive.storage.measure(drive.project_id)) == (0, 0)
    await drive.write("a.txt", b"12345")
    await drive.write("b.txt", b"123")
    assert (await drive.storage.measure(drive.project_id)) == (8, 2)


async def test_file_and_folder_are_moved(drive: ProjectDrive) -> None:
    await drive.write("a.txt", b"x")
    await drive.write("in/b.txt", b"y")
    assert await move(drive, "a.txt", "new/é.txt") == "new/é.txt"
    assert await move(drive, "in", "out/in") == "out/in"
    assert await drive.read("new/é.txt") == b"x"
    assert await drive.read("out/in/b.txt") == b"y"
    for path in ("a.txt", "in/b.txt"):
        with pytest.raises(DriveFileMissing):
            await drive.storage.stat(drive.project_id, parse_drive_path(path))


async def test_move_overwrites_only_files_and_only_on_request(drive: ProjectDrive) -> None:
    await drive.write("a.txt", b"a")
    await drive.write("b.txt", b"b")
    await drive.write("in/c.txt", b"c")
    for source, target in (
        ("a.txt", "b.txt"),
        ("in", "b.txt"),
        ("a.txt", "in"),
        ("in", "in/below"),
        ("a.txt", "b.txt/x"),
    ):
        with pytest.raises(PathTaken):
            await move(drive, source, target)
    for target in ("in", "b.txt/x"):
        with pytest.raises(PathTaken):
            await move(drive, "a.txt", target, is_replacing=True)
    assert await drive.read("b.txt") == b"b"
    await move(drive, "a.txt", "b.txt", is_replacing=True)
    assert await drive.read("b.txt") == b"a"
    with pytest.raises(DriveFileMissing):
        await move(drive, "a.txt", "d.txt")


async def _move_version(drive: ProjectDrive, version: str, *, is_replacing: bool = False) -> DriveEntry:
    return await drive.storage.move(
        drive.project_id,
        parse_drive_path("a.txt"),
        parse_drive_path("b.txt"),
        owner_uid=drive.owner_uid,
        is_replacing=is_replacing,
        version=version,
    )


async def test_file_is_moved_only_in_the_checked_version(drive: ProjectDrive) -> None:
    checked = await drive.write("a.txt", b"checked")
    await drive.write("a.txt", b"another")
    for is_replacing in (False, True):
        with pytest.raises(DriveFileChanged):
            await _move_version(drive, checked.version, is_replacing=is_replacing)
    assert await paths(drive) == ["a.txt"]
    checked = await drive.storage.stat(drive.project_id, parse_drive_path("a.txt"))
    await drive.write("b.txt", b"there")
    with pytest.raises(PathTaken):
        await _move_version(drive, checked.version)
    assert (await drive.read("a.txt"), await drive.read("b.txt")) == (b"another", b"there")
    checked = await drive.storage.stat(drive.project_id, parse_drive_path("a.txt"))
    await _move_version(drive, checked.version, is_replacing=True)
    assert await paths(drive) == ["b.txt"]
    assert await drive.read("b.txt") == b"another"


async def _replace(drive: LiveDrive, after_s: float) -> None:
    """Replace a.txt after a delay, as a job does."""
    staged = drive.folder.with_name("staged")
    staged.write_bytes(b"of another")
    await asyncio.sleep(after_s)
    await asyncio.to_thread(os.replace, staged, drive.folder / "a.txt")


async def _moves_version(drive: ProjectDrive, after_s: float, version: str, *, is_replacing: bool) -> bool:
    await asyncio.sleep(after_s)
    try:
        await _move_version(drive, version, is_replacing=is_replacing)
    except DriveFileChanged:
        return False
    return True


async def test_file_that_replaces_another_during_a_move_is_not_moved_or_lost(
    live_drive: LiveDrive,
) -> None:
    for number in range(100):
        checked = await live_drive.write("a.txt", b"checked")
        delays_s = [random.random() / 1000 for _ in range(2)]
        moving = _moves_version(live_drive, delays_s[0], checked.version, is_replacing=number % 2 == 0)
        is_moved, _ = await asyncio.gather(moving, _replace(live_drive, delays_s[1]))
        assert await live_drive.read("a.txt") == b"of another"
        assert await paths(live_drive) == (["a.txt", "b.txt"] if is_moved else ["a.txt"])
        if is_moved:
            assert await live_drive.read("b.txt") == b"checked"
            await live_drive.storage.delete(live_drive.project_id, parse_drive_path("b.txt"))


async def test_object_that_replaces_another_during_a_move_is_not_moved(supabase_drive: ProjectDrive) -> None:
    """Supabase deletes objects without a condition: what is written in the moment of the deletion may be lost."""

    async def replace(after_s: float) -> None:
        await asyncio.sleep(after_s)
        with suppress(DriveFileMissing):
            await supabase_drive.write("a.txt", b"of another")

    for number in range(8):
        checked = await supabase_drive.write("a.txt", b"checked")
        delays_s = [random.random() / 1000 for _ in range(2)]
        moving = _moves_version(supabase_drive, delays_s[0], checked.version, is_replacing=number % 2 == 0)
        is_moved, _ = await asyncio.gather(moving, replace(delays_s[1]))
        if is_moved:
            assert await supabase_drive.read("b.txt") == b"checked"
            await supabase_drive.storage.delete(supabase_drive.project_id, parse_drive_path("b.txt"))
        else:
            assert await supabase_drive.read("a.txt") == b"of another"


async def test_file_that_replaces_another_during_an_unversioned_move_is_kept(live_drive: LiveDrive) -> None:
    for number in range(300):
        await live_drive.write("a.txt", b"checked")
        replacing = asyncio.create_task(_replace(live_drive, random.random() / 1000))
        await asyncio.sleep(random.random() / 1000)
        with suppress(DriveFileChanged):
            await move(live_drive, "a.txt", "b.txt", is_replacing=number % 2 == 0)
        await replacing
        found = {path: await live_drive.read(path) for path in await paths(live_drive)}
        assert b"of another" in found.values()
        for path in found:
            await live_drive.storage.delete(live_drive.project_id, parse_drive_path(path))


async def test_writes_during_a_move_are_not_moved_as_the_checked_version(
    live_drive: LiveDrive,
) -> None:
    source, target, file = parse_drive_path("a.txt"), parse_drive_path("b.txt"), live_drive.folder / "a.txt"
    for _ in range(60):
        await live_drive.write("a.txt", b"checked")
        os.utime(file, (1, 1))  # file timestamps have a resolution of milliseconds
        checked = await live_drive.storage.stat(live_drive.project_id, source)

        def write(file: Path = file) -> None:
            time.sleep(random.random() / 500)
            with suppress(FileNotFoundError), file.open("r+b") as opened:
                opened.write(b"another")

        writing = asyncio.create_task(asyncio.to_thread(write))
        await asyncio.sleep(random.random() / 500)
        with suppress(DriveFileChanged):
            moved = await _move_version(live_drive, checked.version, is_replacing=True)
            await writing
            found = await live_drive.storage.stat(live_drive.project_id, target)
            content = await live_drive.read("b.txt")
            # A job that had the file open continues to write: then the file is not the version that was moved.
            assert content == b"checked" or found.version != moved.version
        await writing


async def test_folder_is_deleted_in_batches(drive: ProjectDrive) -> None:
    for number in range(5):
        await drive.write(f"out/deep/{number}.txt", b"12")
    await drive.write("outer.txt", b"x")
    path, rounds, freed_bytes = parse_drive_path("out"), 0, 0
    while True:
        deleted = await drive.storage.delete_tree(drive.project_id, path, limit=2)
        assert deleted.entries <= 2
        rounds, freed_bytes = rounds + 1, freed_bytes + deleted.freed_bytes
        if deleted.is_done:
            break
        assert rounds < 20
    assert rounds >= 2
    assert freed_bytes == 10
    assert await paths(drive) == ["outer.txt"]
    with pytest.raises(DriveFileMissing):
        await drive.storage.delete_tree(drive.project_id, path, limit=2)


async def test_hostile_folder_is_deleted_and_nothing_outside_is_changed(
    live_drive: LiveDrive, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("x")
    out = live_drive.folder / "out"
    out.mkdir()
    (out / "link").symlink_to(outside)
    (out / "a\nb").write_text("x")
    os.mkfifo(out / "pipe")
    deep = os.open(out, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d", dir_fd=deep)
        below = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = below
    os.close(deep)
    deleted = await live_drive.storage.delete_tree(
        live_drive.project_id, parse_drive_path("out"), limit=10_000
    )
    assert deleted.is_done
    assert not out.exists()
    assert (outside / "kept.txt").exists()


async def test_link_is_not_deleted_as_a_folder(live_drive: LiveDrive, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (live_drive.folder / "out").symlink_to(tmp_path / "kept")
    with pytest.raises(DriveFileMissing):
        await live_drive.storage.delete_tree(live_drive.project_id, parse_drive_path("out"), limit=10)
    assert (tmp_path / "kept").is_dir()
