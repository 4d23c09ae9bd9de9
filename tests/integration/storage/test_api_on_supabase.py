"""The drive over REST when its files are in Supabase: the same responses, and direct downloads of large files."""

from __future__ import annotations

import os
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest_asyncio

from backend.context import AppContext
from backend.storage.supabase.storage import SupabaseStorage
from tests.factories.supabase_faults import Fault
from tests.factories.supabase_server import SERVICE_KEY, SupabaseServer
from tests.integration.auth.conftest import World, client, world

__all__ = ["client", "world"]

LARGE = os.urandom(9 * 1024 * 1024)


@pytest_asyncio.fixture
async def instance(instance: AppContext, supabase_storage: SupabaseStorage) -> AppContext:
    return replace(instance, storage=supabase_storage)


@pytest_asyncio.fixture
async def headers(world: World) -> dict[str, str]:
    return await world.key(await world.project("Acme"))


async def upload(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, content: bytes
) -> httpx.Response:
    return await client.post(
        "/v1/drive/upload", files={"file": ("x", content)}, data={"path": path}, headers=headers
    )


async def test_file_is_uploaded_and_downloaded_whole_and_in_part(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await upload(client, headers, "in/é.bin", LARGE)).status_code == 201
    whole = await client.get("/v1/drive/files/in/é.bin", headers=headers)
    assert (whole.status_code, whole.content) == (200, LARGE)
    part = await client.get("/v1/drive/files/in/é.bin", headers={**headers, "Range": "bytes=8000000-8000009"})
    assert (part.status_code, part.content) == (206, LARGE[8_000_000:8_000_010])
    again = await client.get(
        "/v1/drive/files/in/é.bin", headers={**headers, "If-None-Match": whole.headers["etag"]}
    )
    assert again.status_code == 304
    listed = (await client.get("/v1/drive?prefix=in/", headers=headers)).json()
    assert [entry["path"] for entry in listed] == ["in/é.bin"]
    assert (await client.delete("/v1/drive/files/in/é.bin", headers=headers)).status_code == 204
    assert (await client.get("/v1/drive/files/in/é.bin", headers=headers)).status_code == 404


async def test_pages_of_a_drive_have_no_gaps(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    for path in ("b/1", "b/2", "b.txt", "a", "c/d/e"):
        await upload(client, headers, path, b"x")
    seen: list[str] = []
    url = "/v1/drive?recursive=true&limit=2"
    while url:
        page = await client.get(url, headers=headers)
        seen += [entry["path"] for entry in page.json()]
        url = page.links.get("next", {}).get("url", "")
    assert sorted(seen) == ["a", "b", "b.txt", "b/1", "b/2", "c", "c/d", "c/d/e"]


async def test_upload_repeated_with_its_idempotency_key_is_stored_once(
    client: httpx.AsyncClient, headers: dict[str, str], supabase: SupabaseServer
) -> None:
    once = {**headers, "Idempotency-Key": "k"}
    responses = [await upload(client, once, "a.txt", b"x") for _ in range(2)]
    assert [response.json() for response in responses] == [responses[0].json()] * 2
    assert sum(path.endswith("/object/copy") for _, path in supabase.requests) == 1


async def test_signed_url_of_large_file_redirects_to_supabase_for_a_minute(
    client: httpx.AsyncClient,
    headers: dict[str, str],
    supabase: SupabaseServer,
    supabase_storage: SupabaseStorage,
) -> None:
    supabase_storage._connection.is_public = True  # as a project at https:// is
    for path, content in (("large.bin", LARGE), ("small.bin", b"x")):
        await upload(client, headers, path, content)
    signed = {
        path: urlsplit(
            (await client.post("/v1/drive/sign", json={"path": path}, headers=headers)).json()["signed_url"]
        ).path
        for path in ("large.bin", "small.bin")
    }
    assert (await client.get(signed["small.bin"])).content == b"x"
    redirect = await client.get(signed["large.bin"])
    assert (redirect.status_code, redirect.headers["cache-control"]) == (307, "no-store")
    place = redirect.headers["location"]
    assert place.startswith(supabase.url)
    assert SERVICE_KEY not in place
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(place)).content == LARGE
        assert (await anybody.get(place.replace("large.bin", "small.bin"))).status_code == 400
    in_job = await client.get(signed["large.bin"], headers={"X-Puras-Service-Token": "of a job"})
    assert (in_job.status_code, in_job.content) == (200, LARGE)
    assert (await client.get(signed["large.bin"][:-3])).status_code == 404


async def test_unavailable_storage_returns_503_and_leaves_nothing_partial(
    client: httpx.AsyncClient, headers: dict[str, str], supabase: SupabaseServer
) -> None:
    for fault in (
        Fault("POST", "/object/puras-drive/", "status", times=4),
        Fault("POST", "/copy", "status", times=4),
    ):
        supabase.faults.append(fault)
        response = await upload(client, headers, "a.txt", b"x")
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert response.headers["retry-after"] == "5"
    assert supabase.objects("puras-drive") == {}
    assert (await upload(client, headers, "a.txt", b"x")).status_code == 201
