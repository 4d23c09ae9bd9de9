"""A real Supabase project, when one is named: what the contract server plays is what the real one does."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from backend.drive.errors import DriveFileMissing, FolderNotEmpty, PathTaken
from backend.drive.paths import ROOT, DrivePath, parse_drive_path
from backend.storage.errors import BundleMissing
from backend.storage.supabase.bucket import Bucket, Connection
from backend.storage.supabase.incoming import WAITING
from backend.storage.supabase.keys import object_key
from backend.storage.supabase.storage import Buckets, SupabaseStorage
from backend.storage.supabase.uploads import PIECE_BYTES
from tests.integration.storage.conftest import DriveOf

BUCKETS = Buckets("puras-test-bundles", "puras-test-drive")
URL, KEY = os.environ.get("SUPABASE_URL", ""), os.environ.get("SUPABASE_SERVICE_KEY", "")
IS_ASKED = os.environ.get("PURAS_TEST_SUPABASE") == "1" and bool(URL) and bool(KEY)
pytestmark = [
    pytest.mark.skipif(
        not IS_ASKED,
        reason="a real project is used only with PURAS_TEST_SUPABASE=1, SUPABASE_URL and SUPABASE_SERVICE_KEY",
    ),
    pytest.mark.timeout(300),
]


@pytest_asyncio.fixture
async def project(tmp_path: Path) -> AsyncIterator[SupabaseStorage]:
    """Storage in buckets of the tests' own."""
    connection = Connection(URL, SecretStr(KEY))
    known = {bucket.id for bucket in await connection.storage.list_buckets()}
    for name in BUCKETS:
        if name not in known:
            await connection.storage.create_bucket(name, options={"public": False})
    storage = SupabaseStorage(URL, SecretStr(KEY), BUCKETS, incoming=tmp_path / "incoming")
    yield storage
    await storage.close()
    await connection.close()


@pytest_asyncio.fixture
async def drive(project: SupabaseStorage) -> AsyncIterator[DriveOf]:
    """A drive, emptied in the end."""
    drive = DriveOf(project, uuid4(), None)
    yield drive
    while entries := await project.list(drive.project_id, ROOT, recursive=True):
        for entry in entries:
            if not entry.is_folder:
                await project.delete(drive.project_id, DrivePath(tuple(entry.path.split("/"))))


async def test_bundles(project: SupabaseStorage) -> None:
    data = os.urandom(1000)
    sha256 = hashlib.sha256(data).hexdigest()
    for _ in range(2):
        await project.put_bundle(sha256, data)
    assert await project.get_bundle(sha256) == data
    await project.delete_bundle(sha256)
    with pytest.raises(BundleMissing):
        await project.get_bundle(sha256)


@pytest.mark.parametrize("size_bytes", [0, 5, 100_000, PIECE_BYTES + 5, 2 * PIECE_BYTES])
async def test_files_of_every_size(drive: DriveOf, size_bytes: int) -> None:
    for content in (os.urandom(size_bytes), os.urandom(size_bytes)):
        written = await drive.write("deep/er/file.bin", content)
        assert await drive.read("deep/er/file.bin") == content
        found = await drive.storage.stat(drive.project_id, parse_drive_path("deep/er/file.bin"))
        file = await drive.storage.open_read(drive.project_id, parse_drive_path("deep/er/file.bin"))
        [listed] = await drive.storage.list(drive.project_id, parse_drive_path("deep/er"))
        assert written.version == found.version == file.entry.version == listed.version
        assert written.size_bytes == found.size_bytes == file.entry.size_bytes == listed.size_bytes


@pytest.mark.parametrize(
    "name", ["é/日本.txt", "a%2Fb", "=41", "a+b&c?d#e", " lead/trail ", "a..b", "[x]{y}^`"]
)
async def test_odd_names(drive: DriveOf, name: str) -> None:
    await drive.write(f"drive/{name}", b"x")
    assert await drive.read(f"drive/{name}") == b"x"
    entries = await drive.storage.list(drive.project_id, ROOT, recursive=True)
    assert [entry.path for entry in entries if not entry.is_folder] == [name]


async def test_listings_refusals_and_deletion(drive: DriveOf) -> None:
    for path in ("b/2.txt", "b/1/deep.txt", "b.txt", "a.txt", "c/x"):
        await drive.write(path, b"x")
    for recursive, count in ((False, 4), (True, 8)):
        collected: list[str] = []
        while part := await drive.storage.list(
            drive.project_id,
            ROOT,
            recursive=recursive,
            after=parse_drive_path(collected[-1]) if collected else None,
            limit=2,
        ):
            collected += [entry.path for entry in part]
        assert (len(collected), len(set(collected))) == (count, count)
    with pytest.raises(PathTaken):
        await drive.write("b", b"x")
    with pytest.raises(PathTaken):
        await drive.write("a.txt/x", b"x")
    with pytest.raises(FolderNotEmpty):
        await drive.storage.delete(drive.project_id, parse_drive_path("b"))
    await drive.storage.delete(drive.project_id, parse_drive_path("a.txt"))
    for missing in ("a.txt", "never"):
        with pytest.raises(DriveFileMissing):
            await drive.read(missing)


async def test_a_signed_address_opens_and_a_changed_one_does_not(drive: DriveOf) -> None:
    content = os.urandom(9 * 1024 * 1024)
    await drive.write("large.bin", content)
    connection = Connection(URL, SecretStr(KEY))
    key = object_key(drive.project_id, parse_drive_path("large.bin"))
    url = await Bucket(connection, BUCKETS.drive).signed_url(key, ttl_s=60, filename="large.bin")
    await connection.close()
    assert url is not None
    async with httpx.AsyncClient() as http:
        assert (await http.get(url)).content == content
        assert (await http.get(url.replace("large.bin", "other.bin"))).status_code in (400, 403, 404)


async def test_nothing_is_left_beside_the_drives(drive: DriveOf) -> None:
    await drive.write("a.txt", b"x")
    connection = Connection(URL, SecretStr(KEY))
    assert not await Bucket(connection, BUCKETS.drive).has_below(WAITING)
    await connection.close()
