"""Attacks and concurrent changes on a drive: the API reports no false data about a file, and no file is lost."""

from __future__ import annotations

import asyncio
import hashlib
import mmap
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from backend.context import AppContext
from tests.integration.drive.conftest import Drive
from tests.integration.drive.leases import write_lease
from tests.integration.drive.test_resumable_uploads import (
    CONTENT,
    TUS,
    create_upload,
    offset_of,
    patch,
    request_upload,
)


async def listed(drive: Drive, path: str) -> dict[str, Any]:
    [row] = [row for row in (await drive.list()).json() if row["path"] == path]
    return dict(row)


def rewrite_in_place(file: Path, content: bytes) -> None:
    """Replace the content of a file without changing its timestamps, as a job may do."""
    before = file.stat()
    with file.open("r+b") as opened:
        opened.write(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


async def test_file_with_a_lease_is_locked_and_not_missing(drive: Drive) -> None:
    await drive.upload(b"there all the time", path="a.txt")
    with write_lease(drive.folder / "a.txt"):
        response = await drive.get("a.txt")
        body = {"source": "a.txt", "target": "b.txt"}
        copied = await drive.client.post("/v1/drive/copy", json=body, headers=drive.headers)
    for locked in (response, copied):
        assert (locked.status_code, locked.json()["code"]) == (409, "drive_file_locked"), locked.text
        assert locked.json()["path"] == "a.txt"
    assert (await drive.get("a.txt")).content == b"there all the time"


async def test_content_of_a_job_is_not_reported_as_an_upload(drive: Drive) -> None:
    await drive.upload(b"the uploaded words", path="a.txt")
    version = (await drive.get("a.txt")).headers["etag"]
    rewrite_in_place(drive.folder / "a.txt", b"something else now")
    row = await listed(drive, "a.txt")
    assert (row["sha256"], row["written_by"]) == (None, None)
    response = await drive.get("a.txt", **{"If-None-Match": version})
    assert (response.status_code, response.content) == (200, b"something else now")
    assert "repr-digest" not in response.headers


async def test_hash_of_a_file_changed_through_mapped_memory_is_not_returned(drive: Drive) -> None:
    file = drive.folder / "a.bin"
    file.write_bytes(bytes(4096))
    with file.open("r+b") as opened, mmap.mmap(opened.fileno(), 4096) as mapped:
        mapped[:5] = b"first"
        assert await drive.wait_for_hash("a.bin") == hashlib.sha256(mapped[:]).hexdigest()
        mapped[:5] = b"other"
        assert (await listed(drive, "a.bin"))["sha256"] is None


async def test_upload_that_is_being_written_cannot_escape_the_quota(
    drive: Drive,
) -> None:
    url = await create_upload(drive)
    has_started, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CONTENT[:10]
        has_started.set()
        await may_end.wait()
        yield CONTENT[10:20]

    writing = asyncio.create_task(patch(drive, url, 0, slow()))
    await asyncio.wait_for(has_started.wait(), 5)
    busy = await drive.client.delete(url, headers={**drive.headers, **TUS})
    assert (busy.status_code, busy.json()["code"]) == (423, "upload_busy")
    used = (await drive.client.get("/v1/drive/usage", headers=drive.headers)).json()
    assert used["reserved_bytes"] == len(CONTENT)
    may_end.set()
    assert (await writing).status_code == 204
    gone = await drive.client.delete(url, headers={**drive.headers, **TUS})
    assert gone.status_code == 204


async def test_upload_that_is_being_completed_is_never_reported_as_lost(drive: Drive) -> None:
    statuses: set[int] = set()

    async def request_until(end: asyncio.Task[httpx.Response], url: str) -> None:
        while not end.done():
            statuses.add((await drive.client.head(url, headers={**drive.headers, **TUS})).status_code)

    for number in range(6):
        url = await create_upload(drive, 10, f"{number}.bin")
        writing = asyncio.create_task(patch(drive, url, 0, b"0123456789"))
        again = asyncio.create_task(patch(drive, url, 0, b"0123456789"))
        await asyncio.gather(*(request_until(writing, url) for _ in range(4)))
        statuses |= {(await writing).status_code, (await again).status_code}
        assert await offset_of(drive, url) == 10
        assert (await drive.get(f"{number}.bin")).content == b"0123456789"
    assert statuses <= {200, 204, 409, 423}
    used = (await drive.client.get("/v1/drive/usage", headers=drive.headers)).json()
    assert (used["used_bytes"], used["used_files"]) == (60, 6)


async def test_empty_upload_to_an_invalid_path_leaves_nothing(drive: Drive, instance: AppContext) -> None:
    await drive.upload(b"x", path="a.txt")
    response = await request_upload(drive, 0, "a.txt/b")
    assert (response.status_code, response.json()["code"]) == (409, "drive_path_taken")
    async with instance.database.transaction() as session:
        assert await session.scalar(text("select count(*) from drive_uploads")) == 0
    assert list(instance.storage.uploads_dir.iterdir()) == []


async def test_files_of_the_drive_have_no_second_link(drive: Drive) -> None:
    """A second name would let a job change a file that the API considers its own."""
    await patch(drive, await create_upload(drive), 0, CONTENT)
    assert (drive.folder / "out" / "a.bin").stat().st_nlink == 1
    [row] = (await drive.list(prefix="out/")).json()
    assert row["sha256"] == hashlib.sha256(CONTENT).hexdigest()


async def test_signed_url_opens_only_the_file_that_was_signed(drive: Drive) -> None:
    await drive.upload(b"not this one", path="report.txt")
    await drive.upload(b"this one", path="drive/drive/report.txt")
    url = (await drive.sign("drive/drive/report.txt")).json()["signed_url"]
    assert (await drive.client.get(url)).content == b"this one"


async def test_metadata_that_is_not_base64_is_rejected(drive: Drive) -> None:
    headers = httpx.Headers({**drive.headers, **TUS, "Upload-Length": "1"})
    sent = httpx.Headers([*headers.raw, (b"Upload-Metadata", b"path \xff\xfe")])
    response = await drive.client.post("/v1/drive/uploads", headers=sent)
    assert (response.status_code, response.json()["code"]) == (400, "bad_upload")
