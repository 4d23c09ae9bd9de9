"""Resumable uploads, as a client of the tus protocol sends them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from backend.app import create_app, serving
from backend.context import AppContext
from backend.core.clock import now
from backend.data.drive.uploads import expiry
from tests.integration.auth.conftest import World
from tests.integration.drive.conftest import Drive
from tests.integration.limits.conftest import Serve, serve

__all__ = ["serve"]

TUS = {"Tus-Resumable": "1.0.0"}
CONTENT = os.urandom(100_000)


def encode(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


async def request_upload(
    drive: Drive, length: int = len(CONTENT), path: str = "out/a.bin", client: httpx.AsyncClient | None = None
) -> httpx.Response:
    headers = {"Upload-Length": str(length), "Upload-Metadata": f"path {encode(path)},is_new"}
    return await (client or drive.client).post(
        "/v1/drive/uploads", headers={**drive.headers, **TUS, **headers}
    )


async def create_upload(drive: Drive, length: int = len(CONTENT), path: str = "out/a.bin") -> str:
    response = await request_upload(drive, length, path)
    assert response.status_code == 201, response.text
    return str(response.headers["Location"])


async def patch(
    drive: Drive, url: str, offset: int, content: bytes | AsyncIterator[bytes], **headers: str
) -> httpx.Response:
    sent = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", **headers}
    return await drive.client.patch(url, content=content, headers={**drive.headers, **TUS, **sent})


async def offset_of(drive: Drive, url: str) -> int:
    response = await drive.client.head(url, headers={**drive.headers, **TUS})
    assert response.status_code == 200, response.status_code
    return int(response.headers["Upload-Offset"])


async def test_upload_in_parts_is_stored_when_it_is_complete(drive: Drive) -> None:
    url = await create_upload(drive)
    assert await offset_of(drive, url) == 0
    for start in range(0, len(CONTENT), 30_000):
        assert not (drive.folder / "out" / "a.bin").exists()
        response = await patch(drive, url, start, CONTENT[start : start + 30_000])
        assert (response.status_code, response.headers["Tus-Resumable"]) == (204, "1.0.0")
        assert int(response.headers["Upload-Offset"]) == min(start + 30_000, len(CONTENT))
        assert parsedate_to_datetime(response.headers["Upload-Expires"]) > now() + timedelta(hours=23)
    assert (await drive.get("out/a.bin")).content == CONTENT
    [row] = (await drive.list(prefix="out/")).json()
    assert (row["sha256"], row["written_by"]["kind"]) == (hashlib.sha256(CONTENT).hexdigest(), "key")
    assert await offset_of(drive, url) == len(CONTENT)  # for a client that missed the last response


async def test_empty_upload_is_complete_on_creation(drive: Drive) -> None:
    await create_upload(drive, 0)
    assert (await drive.get("out/a.bin")).content == b""


@pytest.mark.parametrize("path", ["", f"/{uuid4()}"], ids=["all", "one"])
async def test_protocol_and_extensions_are_reported_without_a_key(drive: Drive, path: str) -> None:
    response = await drive.client.options(
        f"/v1/drive/uploads{path}", headers={"Origin": "https://example.org"}
    )
    assert response.status_code == 204, response.text
    assert "tus-extension" in response.headers["access-control-expose-headers"].lower()
    assert response.headers["Tus-Version"] == "1.0.0"
    assert set(response.headers["Tus-Extension"].split(",")) == {
        "creation",
        "expiration",
        "checksum",
        "termination",
    }
    assert response.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert int(response.headers["Tus-Max-Size"]) == 1024**3


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1"])
async def test_other_protocol_version_is_rejected_with_the_supported_one(
    drive: Drive, version: str | None
) -> None:
    headers = {**drive.headers, "Upload-Length": "1"} | ({"Tus-Resumable": version} if version else {})
    response = await drive.client.post("/v1/drive/uploads", headers=headers)
    assert (response.status_code, response.headers["Tus-Version"]) == (412, "1.0.0")
    assert response.headers["Tus-Resumable"] == "1.0.0"


async def test_upload_continues_at_another_api_process(drive: Drive, instance: AppContext) -> None:
    url = await create_upload(drive)
    await patch(drive, url, 0, CONTENT[:50_000])
    app = create_app(instance.settings)
    transport = httpx.ASGITransport(app)
    async with serving(app, instance), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        other = Drive(client, drive.project, drive.headers, drive.folder)
        assert await offset_of(other, url) == 50_000
        assert (await patch(other, url, 50_000, CONTENT[50_000:])).status_code == 204
    assert (await drive.get("out/a.bin")).content == CONTENT


async def test_wrong_offset_and_excess_bytes_are_rejected(drive: Drive) -> None:
    url = await create_upload(drive)
    wrong = await patch(drive, url, 10, CONTENT[10:])
    assert (wrong.status_code, wrong.json()["code"], wrong.json()["offset"]) == (
        409,
        "wrong_upload_offset",
        0,
    )
    more = await patch(drive, url, 0, CONTENT + b"x")
    assert (more.status_code, more.json()["code"]) == (413, "upload_chunk_too_large")
    assert await offset_of(drive, url) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_with_a_wrong_checksum_are_not_stored(drive: Drive, algorithm: str) -> None:
    url = await create_upload(drive)
    digest = base64.b64encode(hashlib.new(algorithm, CONTENT[:1000]).digest()).decode()
    wrong = await patch(drive, url, 0, CONTENT[1:1001], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert (wrong.status_code, wrong.json()["code"]) == (460, "checksum_mismatch")
    assert await offset_of(drive, url) == 0
    right = await patch(drive, url, 0, CONTENT[:1000], **{"Upload-Checksum": f"{algorithm} {digest}"})
    assert right.status_code == 204
    for value in ("md5 AAAA", "sha1", "sha1 !", ""):
        assert (await patch(drive, url, 1000, b"x", **{"Upload-Checksum": value})).status_code == 400


async def test_only_one_request_writes_to_an_upload_at_a_time(drive: Drive) -> None:
    url = await create_upload(drive)
    has_started, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield CONTENT[:10]
        has_started.set()
        await may_end.wait()
        yield CONTENT[10:]

    first = asyncio.create_task(patch(drive, url, 0, slow()))
    await asyncio.wait_for(has_started.wait(), 5)
    second = await patch(drive, url, 0, CONTENT)
    assert (second.status_code, second.json()["code"]) == (423, "upload_busy")
    may_end.set()
    assert (await first).status_code == 204
    assert (await drive.get("out/a.bin")).content == CONTENT


async def test_terminated_upload_is_deleted_and_frees_its_space(serve: Serve, drive: Drive) -> None:
    client = await serve(max_drive_mb=1)
    url = (await request_upload(drive, 1 << 20, client=client)).headers["Location"]
    rejected = await request_upload(drive, 1, "b.bin", client)
    assert (rejected.status_code, rejected.json()["code"]) == (409, "quota_reached")
    assert rejected.headers["Tus-Resumable"] == "1.0.0"
    other = await client.put("/v1/drive/files/c.bin", content=b"x", headers=drive.headers)
    assert other.status_code == 409
    gone = await client.delete(url, headers={**drive.headers, **TUS})
    assert (gone.status_code, gone.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert (await client.head(url, headers={**drive.headers, **TUS})).status_code == 404
    assert (await request_upload(drive, 1, "b.bin", client)).status_code == 201


async def test_concurrent_uploads_reserve_the_quota_exactly(serve: Serve, drive: Drive) -> None:
    client = await serve(max_drive_mb=1)
    responses = await asyncio.gather(*(request_upload(drive, 300_000, f"{n}.bin", client) for n in range(8)))
    assert sorted(response.status_code for response in responses) == [201] * 3 + [409] * 5


async def test_completed_upload_counts_once(drive: Drive) -> None:
    url = await create_upload(drive)
    await patch(drive, url, 0, CONTENT)
    used = (await drive.client.get("/v1/drive/usage", headers=drive.headers)).json()
    assert (used["used_bytes"], used["reserved_bytes"]) == (len(CONTENT), 0)


async def test_abandoned_upload_expires(drive: Drive, instance: AppContext) -> None:
    url, kept = await create_upload(drive), await create_upload(drive, path="b.bin")
    await patch(drive, url, 0, CONTENT[:10])
    folder = instance.storage.uploads_dir
    for file in folder.iterdir():
        os.utime(file, (1_000_000, 1_000_000))
    async with instance.database.transaction() as session:
        await session.execute(
            text("update drive_uploads set expires_at = now() - interval '1 s' where id = :id"),
            {"id": url.rsplit("/", 1)[1]},
        )
    await expiry.sweep(instance.database, instance.storage, may_continue=lambda: True)
    assert (await drive.client.head(url, headers={**drive.headers, **TUS})).status_code == 404
    assert (await patch(drive, url, 10, CONTENT[10:])).status_code == 404
    assert await offset_of(drive, kept) == 0
    assert [file.name for file in folder.iterdir()] == [kept.rsplit("/", 1)[1].replace("-", "")]


async def test_uploads_of_another_project_are_not_found(drive: Drive, world: World) -> None:
    url = await create_upload(drive)
    theirs = Drive(drive.client, drive.project, await world.key(await world.project("Other")), drive.folder)
    headers = {**theirs.headers, **TUS}
    assert (await drive.client.head(url, headers=headers)).status_code == 404
    assert (await patch(theirs, url, 0, CONTENT)).status_code == 404
    assert (await drive.client.delete(url, headers=headers)).status_code == 404
    assert await offset_of(drive, url) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "-1"}, 400),
        ({"Upload-Length": "x"}, 400),
        ({"Upload-Length": "9" * 30}, 400),
        ({"Upload-Length": str(2**40)}, 413),
        ({"Upload-Length": "1", "Upload-Metadata": "path !"}, 400),
        ({"Upload-Length": "1", "Upload-Metadata": f"path {encode('../x')}"}, 422),
        ({"Upload-Length": "1", "Upload-Metadata": f"path {encode('folder')}"}, 409),
        ({"Upload-Length": "1", "Upload-Metadata": "x " + "A" * 9000}, 400),
    ],
)
async def test_invalid_upload_is_rejected_and_leaves_nothing(
    drive: Drive, instance: AppContext, headers: dict[str, str], status: int
) -> None:
    (drive.folder / "folder").mkdir()
    response = await drive.client.post("/v1/drive/uploads", headers={**drive.headers, **TUS, **headers})
    assert response.status_code == status, response.text
    assert list(instance.storage.uploads_dir.iterdir()) == []


async def test_page_of_another_origin_may_upload(drive: Drive) -> None:
    headers = {
        "Origin": "https://example.org",
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "tus-resumable,upload-offset,upload-length,upload-metadata,upload-checksum,"
        "x-http-method-override,authorization,content-type",
    }
    response = await drive.client.options(f"/v1/drive/uploads/{uuid4()}", headers=headers)
    assert response.status_code == 200, response.text
    assert "PATCH" in response.headers["access-control-allow-methods"]
    created = await drive.client.post(
        "/v1/drive/uploads",
        headers={**drive.headers, **TUS, "Upload-Length": "1", "Origin": "https://example.org"},
    )
    assert "location" in created.headers["access-control-expose-headers"].lower()


async def test_method_override_is_accepted_for_patch(drive: Drive) -> None:
    url = await create_upload(drive, 3)
    headers = {
        **drive.headers,
        **TUS,
        "X-HTTP-Method-Override": "PATCH",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    assert (await drive.client.post(url, content=b"abc", headers=headers)).status_code == 204
    assert (await drive.get("out/a.bin")).content == b"abc"
    headers["X-HTTP-Method-Override"] = "TRACE"
    assert (await drive.client.post(url, content=b"abc", headers=headers)).status_code == 400
