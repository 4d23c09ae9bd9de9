"""Folders on both storages: made, measured, moved and deleted by the same rules."""

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
from tests.integration.storage.conftest import DriveOf, LiveDrive


async def paths(drive: DriveOf) -> list[str]:
    return [one.path for one in await drive.storage.list(drive.project_id, ROOT, recursive=True)]


async def move(drive: DriveOf, source: str, target: str, *, is_replacing: bool = False) -> str:
    entry = await drive.storage.move(
        drive.project_id,
        parse_drive_path(source),
        parse_drive_path(target),
        owner_uid=drive.owner_uid,
        is_replacing=is_replacing,
    )
    return entry.path


async def make(drive: DriveOf, path: str) -> None:
    await drive.storage.make_folder(drive.project_id, parse_drive_path(path), owner_uid=drive.owner_uid)


async def test_an_empty_folder_is_made_listed_and_deleted(drive: DriveOf) -> None:
    for _ in range(2):
        await make(drive, "out/deep")
    assert await paths(drive) == ["out", "out/deep"]
    entry = await drive.storage.stat(drive.project_id, parse_drive_path("out/deep"))
    assert entry.is_folder
    await drive.storage.delete(drive.project_id, parse_drive_path("out/deep"))
    assert "out/deep" not in await paths(drive)


async def test_a_folder_is_not_made_in_the_place_of_a_file(drive: DriveOf) -> None:
    await drive.write("a.txt", b"x")
    with pytest.raises(PathTaken):
        await make(drive, "a.txt")


async def test_a_drive_is_measured(drive: DriveOf) -> None:
    assert (await drive.storage.measure(drive.project_id)) == (0, 0)
    await drive.write("a.txt", b"12345")
    await drive.write("b.txt", b"123")
    assert (await drive.storage.measure(drive.project_id)) == (8, 2)


async def test_a_file_and_a_folder_get_another_path(drive: DriveOf) -> None:
    await drive.write("a.txt", b"x")
    await drive.write("in/b.txt", b"y")
    assert await move(drive, "a.txt", "new/é.txt") == "new/é.txt"
    assert await move(drive, "in", "out/in") == "out/in"
    assert await drive.read("new/é.txt") == b"x"
    assert await drive.read("out/in/b.txt") == b"y"
    for path in ("a.txt", "in/b.txt"):
        with pytest.raises(DriveFileMissing):
            await drive.storage.stat(drive.project_id, parse_drive_path(path))


async def test_nothing_is_moved_over_anything_unless_asked_and_never_over_a_folder(drive: DriveOf) -> None:
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


async def _move_version(drive: DriveOf, version: str, *, is_replacing: bool = False) -> DriveEntry:
    return await drive.storage.move(
        drive.project_id,
        parse_drive_path("a.txt"),
        parse_drive_path("b.txt"),
        owner_uid=drive.owner_uid,
        is_replacing=is_replacing,
        version=version,
    )


async def test_a_file_is_moved_in_the_version_that_was_checked_or_not_at_all(drive: DriveOf) -> None:
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
    """Replace a.txt, as a job does it."""
    staged = drive.folder.with_name("staged")
    staged.write_bytes(b"of another")
    await asyncio.sleep(after_s)
    await asyncio.to_thread(os.replace, staged, drive.folder / "a.txt")


async def _moves_version(drive: DriveOf, after_s: float, version: str, *, is_replacing: bool) -> bool:
    await asyncio.sleep(after_s)
    try:
        await _move_version(drive, version, is_replacing=is_replacing)
    except DriveFileChanged:
        return False
    return True


async def test_what_replaces_a_file_while_it_is_moved_is_neither_moved_nor_lost(
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


async def test_what_replaces_an_object_while_it_is_moved_is_not_moved(supabase_drive: DriveOf) -> None:
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


async def test_what_replaces_a_file_that_is_moved_in_any_version_is_not_lost(live_drive: LiveDrive) -> None:
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


async def test_what_a_job_writes_into_a_file_while_it_is_moved_is_not_moved_as_what_was_checked(
    live_drive: LiveDrive,
) -> None:
    source, target, file = parse_drive_path("a.txt"), parse_drive_path("b.txt"), live_drive.folder / "a.txt"
    for _ in range(60):
        await live_drive.write("a.txt", b"checked")
        os.utime(file, (1, 1))  # the clock of files ticks in milliseconds
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
            # A job that had the file open goes on writing: then it is not the version that was moved.
            assert content == b"checked" or found.version != moved.version
        await writing


async def test_a_folder_is_deleted_some_things_at_a_time(drive: DriveOf) -> None:
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


async def test_a_hostile_folder_is_deleted_and_nothing_outside_is_touched(
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


async def test_a_link_is_not_deleted_as_a_folder(live_drive: LiveDrive, tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (live_drive.folder / "out").symlink_to(tmp_path / "kept")
    with pytest.raises(DriveFileMissing):
        await live_drive.storage.delete_tree(live_drive.project_id, parse_drive_path("out"), limit=10)
    assert (tmp_path / "kept").is_dir()
