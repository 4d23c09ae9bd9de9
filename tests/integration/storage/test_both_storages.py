"""The rules that every storage follows: complete files or none, ordered listings, verified bundles."""

from __future__ import annotations

import asyncio
import hashlib
import os
from uuid import uuid4

import pytest

from backend.storage import Storage
from backend.storage.errors import BundleDamaged, BundleMissing
from backend.storage.file_errors import DriveFileMissing, FolderNotEmpty, PathTaken
from backend.storage.local import LocalStorage
from backend.storage.paths import ROOT, parse_drive_path, parse_folder_path
from backend.storage.sorting import SortedPlace, SortedSearch, SortField
from tests.integration.storage.conftest import ProjectDrive

ODD_NAMES = (
    "é/ü.txt", "日本語.txt", "e\u0301.txt", "a%2Fb", "%2e%2e/x", "=41", "a+b&c?d#e.txt", " lead/trail ", "a..b",
    "...", "tilde~", "quote'\"", "c:d*|<>", "[x]{y}^`", "emoji😀", "A/a", "a/A",
)  # fmt: skip


async def test_bundle_is_read_as_it_was_stored(storage: Storage) -> None:
    data = b"PK" + os.urandom(1000)
    sha256 = hashlib.sha256(data).hexdigest()
    await asyncio.gather(*(storage.put_bundle(sha256, data) for _ in range(4)))
    assert await storage.get_bundle(sha256) == data
    await storage.delete_bundle(sha256)
    await storage.delete_bundle(sha256)
    with pytest.raises(BundleMissing):
        await storage.get_bundle(sha256)


async def test_bundle_with_a_wrong_hash_is_rejected(storage: Storage) -> None:
    with pytest.raises(BundleDamaged):
        await storage.put_bundle("0" * 64, b"data")
    for name in ("../../etc/passwd", "A" * 64, "0" * 63, "0" * 64):
        with pytest.raises(BundleMissing):
            await storage.get_bundle(name)


@pytest.mark.parametrize("is_settled", [False, True])
async def test_file_is_visible_only_when_complete(drive: ProjectDrive, is_settled: bool) -> None:
    await drive.write("out/a.txt", b"first")
    async with drive.storage.receive() as incoming:
        await incoming.write(b"sec")
        await incoming.write(b"ond")
        if is_settled:
            await incoming.stage()
        assert await drive.read("out/a.txt") == b"first"
        assert incoming.size_bytes == 6
        assert incoming.sha256 == hashlib.sha256(b"second").hexdigest()
        await incoming.place(drive.project_id, parse_drive_path("out/a.txt"), owner_uid=drive.owner_uid)
    assert await drive.read("out/a.txt") == b"second"
    assert len(await drive.storage.list(drive.project_id, ROOT, recursive=True)) == 2


async def test_file_that_was_not_committed_is_not_stored(drive: ProjectDrive) -> None:
    with pytest.raises(ConnectionError):
        async with drive.storage.receive() as incoming:
            await incoming.write(b"half")
            await incoming.stage()
            raise ConnectionError
    assert await drive.storage.list(drive.project_id, ROOT, recursive=True) == []


async def test_version_changes_with_the_content(drive: ProjectDrive) -> None:
    first = await drive.write("a.txt", b"first")
    assert (await drive.storage.stat(drive.project_id, parse_drive_path("a.txt"))).version == first.version
    assert (await drive.write("a.txt", b"other")).version != first.version


async def test_range_of_a_large_file_is_read_in_bounded_chunks(drive: ProjectDrive) -> None:
    content = os.urandom(7 * 1024 * 1024 + 7)
    assert (await drive.write("large", content)).size_bytes == len(content)
    file = await drive.storage.open_read(drive.project_id, parse_drive_path("large"))
    chunks = [chunk async for chunk in file.chunks(5, len(content))]
    middle = b"".join([chunk async for chunk in file.chunks(1_000_000, 3_000_000)])
    await file.close()
    assert b"".join(chunks) == content[5:]
    assert middle == content[1_000_000:4_000_000]
    assert max(map(len, chunks)) <= 1024 * 1024


async def test_empty_file_is_stored_and_read(drive: ProjectDrive) -> None:
    entry = await drive.write("empty", b"")
    assert (entry.size_bytes, entry.is_folder) == (0, False)
    assert await drive.read("empty") == b""
    [listed] = await drive.storage.list(drive.project_id, ROOT)
    assert (listed.size_bytes, listed.is_folder) == (0, False)


async def test_folder_is_sorted_by_size_time_and_name_and_filtered(drive: ProjectDrive) -> None:
    sizes = {"b.txt": 30, "A.csv": 10, "c.txt": 20, "empty.txt": 0, "tie.txt": 20}
    for name, size in sizes.items():
        await drive.write(f"f/{name}", b"x" * size)
    await drive.write("f/inner/deep.txt", b"x" * 500)
    folder = parse_drive_path("f")

    async def sorted_names(
        field: SortField, *, down: bool = False, limit: int = 99, text: str = ""
    ) -> list[str]:
        found: list[str] = []
        after: SortedPlace | None = None
        while True:
            search = SortedSearch(
                field, is_descending=down, text=text, name_prefix="", after=after, limit=limit
            )
            page = await drive.storage.list_sorted(drive.project_id, folder, search)
            assert page.is_complete
            found += [one.path.removeprefix("f/") for one in page.entries]
            if len(page.entries) < limit:
                return found
            after = search.place_of(page.entries[-1])

    by_size = ["inner", "empty.txt", "A.csv", "c.txt", "tie.txt", "b.txt"]
    assert await sorted_names("size") == by_size
    assert await sorted_names("size", down=True) == by_size[::-1]
    assert await sorted_names("size", limit=1) == by_size
    assert await sorted_names("size", down=True, limit=2) == by_size[::-1]
    assert await sorted_names("name", down=True) == sorted(by_size, reverse=True)
    assert {*await sorted_names("modified", limit=2)} == {*by_size}
    assert await sorted_names("size", text="TXT") == ["empty.txt", "c.txt", "tie.txt", "b.txt"]
    nowhere = SortedSearch("size", is_descending=False, text="", name_prefix="", after=None, limit=9)
    missing = await drive.storage.list_sorted(drive.project_id, parse_drive_path("none"), nowhere)
    assert missing.entries == []


@pytest.mark.parametrize("recursive", [False, True])
async def test_listing_is_ordered_and_its_pages_have_no_gaps(drive: ProjectDrive, recursive: bool) -> None:
    for path in ("b/2.txt", "b/1/deep.txt", "b.txt", "a.txt", "b/1.txt", "c/x", "B", "é", "b-/x", "b/1/z/y"):
        await drive.write(path, b"x")

    async def page(after: str | None, limit: int) -> list[str]:
        begin = parse_drive_path(after) if after else None
        entries = await drive.storage.list(
            drive.project_id, ROOT, recursive=recursive, after=begin, limit=limit
        )
        return [entry.path for entry in entries]

    everything = await page(None, 200)
    assert len(everything) == (15 if recursive else 7)
    for place, path in enumerate(everything):
        assert path.rpartition("/")[0] in ("", *everything[:place])
    if isinstance(drive.storage, LocalStorage):
        assert everything == sorted(everything, key=lambda path: path.split("/"))
    for limit in (1, 2, 3):
        collected: list[str] = []
        while part := await page(collected[-1] if collected else None, limit):
            assert len(part) <= limit
            collected += part
        assert collected == everything


async def test_listing_of_a_folder_returns_paths_from_the_root(drive: ProjectDrive) -> None:
    await drive.write("out/june/a.txt", b"12345")
    await drive.write("out/july.txt", b"x")
    entries = await drive.storage.list(drive.project_id, parse_folder_path("out/"))
    assert [(entry.path, entry.is_folder, entry.size_bytes) for entry in entries] == [
        ("out/july.txt", False, 1),
        ("out/june", True, 0),
    ]
    [june] = await drive.storage.list(drive.project_id, parse_folder_path("out"), name_prefix="jun")
    assert june.path == "out/june"
    for nothing in ("none", "out/july.txt"):
        assert await drive.storage.list(drive.project_id, parse_folder_path(nothing)) == []
    assert await drive.storage.list(uuid4(), ROOT) == []
    assert (await drive.storage.stat(drive.project_id, parse_drive_path("out/june"))).is_folder


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_unusual_names_are_returned_unchanged(drive: ProjectDrive, name: str) -> None:
    path = parse_drive_path(f"drive/{name}")
    await drive.write(f"drive/{name}", name.encode())
    assert await drive.read(f"drive/{name}") == name.encode()
    [listed] = [
        entry
        for entry in await drive.storage.list(drive.project_id, ROOT, recursive=True)
        if not entry.is_folder
    ]
    assert listed.path == str(path)
    matching = await drive.storage.list(drive.project_id, path.folder, name_prefix=path.name[:-1])
    assert [entry.path for entry in matching] == [str(path)]
    await drive.storage.delete(drive.project_id, path)
    with pytest.raises(DriveFileMissing):
        await drive.read(f"drive/{name}")


async def test_file_can_be_deleted_but_a_non_empty_folder_cannot(drive: ProjectDrive) -> None:
    await drive.write("out/a.txt", b"x")
    with pytest.raises(FolderNotEmpty):
        await drive.storage.delete(drive.project_id, parse_drive_path("out"))
    await drive.storage.delete(drive.project_id, parse_drive_path("out/a.txt"))
    for gone in (parse_drive_path("out/a.txt"), parse_drive_path("none"), ROOT):
        with pytest.raises(DriveFileMissing):
            await drive.storage.delete(drive.project_id, gone)


async def test_file_cannot_replace_a_folder_or_be_inside_a_file(drive: ProjectDrive) -> None:
    await drive.write("out/a.txt", b"kept")
    for path in ("out", "out/a.txt/b.txt", "out/a.txt/b/c"):
        with pytest.raises(PathTaken) as caught:
            await drive.write(path, b"x")
        assert caught.value.status == 409
    assert await drive.read("out/a.txt") == b"kept"


async def test_project_cannot_access_files_of_another_project(drive: ProjectDrive) -> None:
    await drive.write("a/secret.txt", b"mine")
    other = ProjectDrive(drive.storage, uuid4(), drive.owner_uid)
    names = ("a/secret.txt", f"{drive.project_id}/a/secret.txt", f"%2e%2e/{drive.project_id}/a/secret.txt")
    for path in names:
        with pytest.raises(DriveFileMissing):
            await other.read(path)
        with pytest.raises(DriveFileMissing):
            await other.storage.delete(other.project_id, parse_drive_path(path))
        await other.write(path, b"theirs")
    assert await drive.read("a/secret.txt") == b"mine"
    assert [entry.path for entry in await drive.storage.list(drive.project_id, ROOT, recursive=True)] == [
        "a",
        "a/secret.txt",
    ]
