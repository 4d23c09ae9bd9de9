"""Quota of a drive: requests that exceed it are rejected with the details, before any of their data is stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from backend.context import AppContext
from backend.data.drive import usage
from backend.data.drive.uploads import ingest
from backend.identity.auth.actors import operator
from backend.identity.limits import service as limits
from backend.identity.limits.schemas import defaults_of
from tests.integration.drive.conftest import Drive
from tests.integration.limits.conftest import Serve, serve

__all__ = ["serve"]

MIB = 1 << 20


async def put(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, content: bytes
) -> httpx.Response:
    return await client.put(f"/v1/drive/files/{path}", content=content, headers=headers)


async def used(client: httpx.AsyncClient, headers: dict[str, str]) -> tuple[int, int]:
    body = (await client.get("/v1/drive/usage", headers=headers)).json()
    return body["used_bytes"], body["used_files"]


async def test_upload_over_the_quota_is_rejected_until_space_is_freed(
    serve: Serve, drive: Drive, tmp_path: Path
) -> None:
    client = await serve(max_drive_mb=1)
    assert (await put(client, drive.headers, "a.bin", b"\0" * (MIB - 100))).status_code == 201
    rejected = await put(client, drive.headers, "b.bin", b"\0" * 200)
    body = rejected.json()
    assert (rejected.status_code, body["code"], body["quota"]) == (409, "quota_reached", "drive_mb")
    assert (body["limit"], body["used"], body["wanted"]) == (MIB, MIB - 100, 200)
    assert not (drive.folder / "b.bin").exists()
    assert list((tmp_path / "storage" / "incoming").iterdir()) == []
    await client.delete("/v1/drive/files/a.bin", headers=drive.headers)
    assert (await put(client, drive.headers, "b.bin", b"\0" * 200)).status_code == 201
    assert await used(client, drive.headers) == (200, 1)


async def test_upload_of_unknown_length_is_rejected_during_the_upload(serve: Serve, drive: Drive) -> None:
    client = await serve(max_drive_mb=1)
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * MIB:
            sent += MIB // 2
            yield b"\0" * (MIB // 2)

    response = await client.put("/v1/drive/files/a.bin", content=endless(), headers=drive.headers)
    assert (response.status_code, response.json()["code"]) == (409, "quota_reached")
    assert sent < 100 * MIB
    assert list(drive.folder.iterdir()) == []


async def test_concurrent_uploads_fill_the_quota_exactly(serve: Serve, drive: Drive) -> None:
    clients = [await serve(max_drive_files=3), await serve(max_drive_files=3)]
    responses = await asyncio.gather(
        *(put(clients[number % 2], drive.headers, f"{number}.txt", b"x") for number in range(10))
    )
    assert sorted(response.status_code for response in responses) == [201] * 3 + [409] * 7
    assert len(list(drive.folder.iterdir())) == 3
    assert await used(clients[0], drive.headers) == (3, 3)


async def test_replaced_file_counts_once(serve: Serve, drive: Drive) -> None:
    client = await serve(max_drive_mb=1)
    for size in (1000, 10, 500):
        assert (await put(client, drive.headers, "a.bin", b"\0" * size)).status_code == 201
    assert await used(client, drive.headers) == (500, 1)


async def test_rejected_or_repeated_upload_uses_no_space(drive: Drive) -> None:
    (drive.folder / "folder").mkdir()
    before = await used(drive.client, drive.headers)
    assert (await drive.upload(b"x", path="folder")).status_code == 409
    assert await used(drive.client, drive.headers) == before
    for _ in range(2):
        await drive.upload(b"12345", path="a.txt", **{"Idempotency-Key": "once"})
    assert await used(drive.client, drive.headers) == (before[0] + 5, before[1] + 1)


async def test_files_from_before_the_first_count_are_counted(serve: Serve, drive: Drive) -> None:
    (drive.folder / "old").mkdir()
    (drive.folder / "old" / "a.bin").write_bytes(b"\0" * (2 * MIB))
    client = await serve(max_drive_mb=1)
    assert (await put(client, drive.headers, "b.txt", b"x")).json()["used"] == 2 * MIB


async def test_files_written_by_a_job_are_counted_by_the_next_scan(
    drive: Drive, instance: AppContext
) -> None:
    await drive.upload(b"12345", path="a.txt")
    (drive.folder / "b.txt").write_bytes(b"123")
    assert await used(drive.client, drive.headers) == (5, 1)
    await usage.recount(ingest.drives_of(instance), drive.project.id)
    assert await used(drive.client, drive.headers) == (8, 2)


async def test_confirmed_count_is_stored_once_a_minute(drive: Drive, instance: AppContext) -> None:
    drives = ingest.drives_of(instance)
    await drive.upload(b"12345", path="a.txt")
    first = (await usage.current(drives, drive.project.id)).counted_at
    await usage.recount(drives, drive.project.id)
    assert (await usage.current(drives, drive.project.id)).counted_at == first
    async with instance.database.transaction() as session:
        await session.execute(text("update drive_usage set counted_at = counted_at - interval '1 minute'"))
    await usage.recount(drives, drive.project.id)
    second = (await usage.current(drives, drive.project.id)).counted_at
    assert first is not None
    assert second is not None
    assert second > first


async def test_operator_raises_the_quota_of_a_project(
    serve: Serve, instance: AppContext, drive: Drive
) -> None:
    client = await serve(max_drive_mb=0)
    assert (await put(client, drive.headers, "a.txt", b"x")).status_code == 409
    async with instance.database.transaction() as session:
        await limits.change(
            session, operator(drive.project.id), {"drive_mb": 1}, defaults_of(instance.settings)
        )
    assert (await put(client, drive.headers, "a.txt", b"x")).status_code == 201


@pytest.mark.parametrize("kind", ["folders", "copy"])
async def test_folders_and_copies_count_toward_the_quota(serve: Serve, drive: Drive, kind: str) -> None:
    client = await serve(max_drive_files=1)
    await put(client, drive.headers, "a.txt", b"x")
    body = {"path": "out"} if kind == "folders" else {"source": "a.txt", "target": "b.txt"}
    response = await client.post(f"/v1/drive/{kind}", json=body, headers=drive.headers)
    assert (response.status_code, response.json()["quota"]) == (409, "drive_files")
