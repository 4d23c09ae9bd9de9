"""A Supabase Storage that fails, stalls and drops connections: a bounded number of retries, then our own errors."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr

from backend.storage.errors import (
    BundleDamaged,
    StorageRefusedUs,
    StorageUnavailable,
    StoredFileTooLarge,
)
from backend.storage.file_errors import DriveFileMissing
from backend.storage.paths import ROOT, parse_drive_path
from backend.storage.supabase.keys import object_key, path_of
from backend.storage.supabase.retries import RetryPolicy
from backend.storage.supabase.storage import SupabaseStorage
from backend.storage.supabase.uploads import PIECE_BYTES
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.storage.conftest import BUCKETS, ProjectDrive

LARGE = os.urandom(PIECE_BYTES * 2 + 12_345)


@pytest.mark.parametrize("plain_statuses", [False, True])
async def test_errors_of_old_and_new_versions_are_recognized(
    supabase: SupabaseServer, supabase_drive: ProjectDrive, plain_statuses: bool
) -> None:
    supabase.plain_statuses = plain_statuses
    with pytest.raises(DriveFileMissing):
        await supabase_drive.read("none")
    for content in (b"", b"12345", b"new"):
        await supabase_drive.write("a", content)
        assert await supabase_drive.read("a") == content
    supabase.copies_over = False  # a storage from before `x-upsert` on copies
    await supabase_drive.write("a", b"newest")
    assert await supabase_drive.read("a") == b"newest"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "/object/puras-drive/", "status", times=2, status=500),
        Fault("POST", "/object/puras-drive/", "status", times=2, status=429),
        Fault("POST", "/object/puras-drive/", "cut_request", times=2, after_bytes=100_000),
        Fault("POST", "/object/copy", "cut_answer", times=2, after_bytes=3),
        Fault("POST", "/object/list-v2", "status", times=2, status=502),
        Fault("GET", "/object/info", "status", times=2, status=504),
    ],
    ids=lambda fault: f"{fault.kind} {fault.path} {fault.status}",
)
async def test_upload_survives_temporary_storage_errors(
    supabase: SupabaseServer, supabase_drive: ProjectDrive, fault: Fault
) -> None:
    content = os.urandom(1_000_000)
    supabase.faults.append(fault)
    await supabase_drive.write("deep/er/a.bin", content)
    assert fault.met == 2
    assert await supabase_drive.read("deep/er/a.bin") == content


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PATCH", "/upload/resumable", "cut_request", times=2, after_bytes=2_000_000),
        Fault("PATCH", "/upload/resumable", "status", times=2, status=503),
        Fault("PATCH", "/upload/resumable", "cut_answer", times=1, after_bytes=0),
        Fault("POST", "/upload/resumable", "status", times=2, status=500),
    ],
    ids=lambda fault: f"{fault.method} {fault.kind}",
)
async def test_large_upload_in_parts_survives_dropped_connections(
    supabase: SupabaseServer, supabase_drive: ProjectDrive, fault: Fault
) -> None:
    supabase.faults.append(fault)
    await supabase_drive.write("large.bin", LARGE)
    assert fault.met > 0
    assert await supabase_drive.read("large.bin") == LARGE
    assert sum(method == "PATCH" for method, _ in supabase.requests) >= 3


async def test_upload_unknown_to_the_storage_is_restarted(
    supabase: SupabaseServer, supabase_drive: ProjectDrive
) -> None:
    writing = asyncio.create_task(supabase_drive.write("large.bin", LARGE))
    async with asyncio.timeout(10):
        while not any(upload.data for upload in supabase.uploads.values()):  # noqa: ASYNC110 - the state of another thread
            await asyncio.sleep(0.001)
    supabase.uploads.clear()
    await writing
    assert await supabase_drive.read("large.bin") == LARGE
    assert sum(request == ("POST", "/storage/v1/upload/resumable") for request in supabase.requests) == 2


async def test_read_continues_after_a_dropped_connection(
    supabase: SupabaseServer, supabase_drive: ProjectDrive
) -> None:
    await supabase_drive.write("large.bin", LARGE)
    supabase.faults.append(Fault("GET", "large.bin", "cut_answer", times=1, after_bytes=1_000))
    supabase.faults.append(Fault("GET", "large.bin", "cut_answer", times=3, after_bytes=1_000_000))
    assert await supabase_drive.read("large.bin") == LARGE


async def test_repeatedly_dropped_connection_is_reported(
    supabase: SupabaseServer, supabase_drive: ProjectDrive
) -> None:
    await supabase_drive.write("large.bin", LARGE)
    file = await supabase_drive.storage.open_read(supabase_drive.project_id, parse_drive_path("large.bin"))
    supabase.faults.append(Fault("GET", "large.bin", "cut_answer", times=99, after_bytes=10))
    with pytest.raises(StorageUnavailable):
        async for _ in file.chunks(0, len(LARGE)):
            pass


async def test_file_replaced_during_a_read_is_never_mixed(
    supabase_drive: ProjectDrive,
) -> None:
    await supabase_drive.write("large.bin", LARGE)
    file = await supabase_drive.storage.open_read(supabase_drive.project_id, parse_drive_path("large.bin"))
    await supabase_drive.write("large.bin", LARGE[::-1])
    with pytest.raises(StorageUnavailable, match="replaced while it was read"):
        async for _ in file.chunks(0, len(LARGE)):
            pass


async def test_unavailable_storage_is_reported_within_a_bounded_time(tmp_path: Path) -> None:
    storage = SupabaseStorage("http://127.0.0.1:1", SecretStr(SERVICE_KEY), BUCKETS, incoming=tmp_path)
    started = time.monotonic()
    with pytest.raises(StorageUnavailable) as caught:
        await storage.stat(uuid4(), parse_drive_path("a"))
    assert time.monotonic() - started < 5
    assert (caught.value.status, caught.value.code) == (503, "storage_unavailable")
    assert caught.value.retry_after_s == 5
    await storage.close()


async def test_number_of_retries_is_bounded(supabase: SupabaseServer, supabase_drive: ProjectDrive) -> None:
    fault = Fault("GET", "/object/", "status", times=1000)
    supabase.faults.append(fault)
    with pytest.raises(StorageUnavailable):
        await supabase_drive.read("a")
    assert fault.met == RetryPolicy().attempts


async def test_rejected_key_refers_the_operator_to_the_doctor(
    supabase: SupabaseServer, tmp_path: Path
) -> None:
    storage = SupabaseStorage(supabase.url, SecretStr("sb_secret_of_another"), BUCKETS, incoming=tmp_path)
    count_before = len(supabase.requests)
    with pytest.raises(StorageRefusedUs, match="doctor --supabase") as caught:
        await storage.list(uuid4(), ROOT)
    assert "sb_secret" not in str(caught.value.as_body())
    assert len(supabase.requests) == count_before + 1
    del supabase.buckets[BUCKETS.drive]
    supabase.service_key = "sb_secret_of_another"
    with pytest.raises(StorageRefusedUs):
        await storage.stat(uuid4(), parse_drive_path("a"))
    await storage.close()


@pytest.mark.parametrize("content", [b"x" * 2_000, LARGE])
async def test_file_over_the_bucket_limit_is_rejected_clearly(
    supabase: SupabaseServer, supabase_drive: ProjectDrive, content: bytes
) -> None:
    supabase.buckets[BUCKETS.drive].size_limit = 1_000
    with pytest.raises(StoredFileTooLarge) as caught:
        await supabase_drive.write("a", content)
    assert caught.value.status == 413


async def test_bundle_changed_in_the_bucket_is_rejected(
    supabase: SupabaseServer, supabase_storage: SupabaseStorage
) -> None:
    data = os.urandom(100)
    sha256 = hashlib.sha256(data).hexdigest()
    await supabase_storage.put_bundle(sha256, data)
    [stored] = supabase.buckets[BUCKETS.bundles].objects.values()
    stored.data = b"changed"
    with pytest.raises(BundleDamaged):
        await supabase_storage.get_bundle(sha256)


async def test_no_temporary_files_are_left_in_the_bucket_or_on_the_host(
    supabase: SupabaseServer, supabase_drive: ProjectDrive, tmp_path: Path
) -> None:
    await supabase_drive.write("a.txt", b"x")
    with pytest.raises(ConnectionError):
        async with supabase_drive.storage.receive() as incoming:
            await incoming.write(b"half")
            await incoming.stage()
            raise ConnectionError
    assert list(supabase.objects(BUCKETS.drive)) == [f"{supabase_drive.project_id}/a.txt"]
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_foreign_objects_in_the_bucket_are_not_changed(
    supabase: SupabaseServer, supabase_drive: ProjectDrive
) -> None:
    await supabase_drive.write("a.txt", b"x")
    objects = supabase.buckets[BUCKETS.drive].objects
    [stored] = objects.values()
    for foreign in ("=2E=2E/x", "=ff", "x=2E", "q?r", ".emptyFolderPlaceholder"):
        objects[f"{supabase_drive.project_id}/{foreign}"] = stored
    found = await supabase_drive.storage.list(supabase_drive.project_id, ROOT, recursive=True)
    assert [entry.path for entry in found] == ["a.txt"]


async def test_large_listings_are_read_in_pages(
    supabase: SupabaseServer, supabase_drive: ProjectDrive
) -> None:
    await supabase_drive.write("n/0000", b"x")
    objects = supabase.buckets[BUCKETS.drive].objects
    [stored] = objects.values()
    for number in range(2_500):
        objects[f"{supabase_drive.project_id}/n/{number:04}"] = stored
    supabase.requests.clear()
    collected: list[str] = []
    while part := await supabase_drive.storage.list(
        supabase_drive.project_id,
        parse_drive_path("n"),
        after=parse_drive_path(collected[-1]) if collected else None,
        limit=201,
    ):
        collected += [entry.path for entry in part[:200]]
    assert collected == [f"n/{number:04}" for number in range(2_500)]
    assert len(supabase.requests) < 40


def test_paths_and_keys_correspond_one_to_one() -> None:
    project = uuid4()
    texts = (
        "a",
        "A",
        "=61",
        "a=",
        "é",
        "e\u0301",
        "a%2Fb",
        "a/b",
        "a..b",
        ". .",
        "a b",
        "=",
        "%",
        "a.",
        "日",
    )
    paths = [parse_drive_path(f"drive/{text}") for text in texts]
    found = {object_key(project, path): path for path in paths}
    assert len(found) == len(paths)
    for key, path in found.items():
        assert path_of(project, key) == path
        assert path_of(uuid4(), key) is None
