"""Uploads whose connection drops, over real sockets: received data is stored, and another server continues."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress

import httpx
import uvicorn
from fastapi import FastAPI

from tests.integration.drive.conftest import Drive
from tests.integration.drive.test_kit_signed_urls import api_base

__all__ = ["api_base"]

CONTENT = os.urandom(3_000_000)
TUS = {"Tus-Resumable": "1.0.0"}


async def disconnect_after(drive: Drive, base: str, path: str, sent: int) -> None:
    """Send the headers of a request and a part of its body, then close the connection."""
    url = httpx.URL(base)
    _, writer = await asyncio.open_connection(url.host, url.port)
    lines = [
        f"PATCH {path} HTTP/1.1",
        f"Host: {url.host}:{url.port}",
        f"Authorization: {drive.headers['Authorization']}",
        "Tus-Resumable: 1.0.0",
        "Upload-Offset: 0",
        "Content-Type: application/offset+octet-stream",
        f"Content-Length: {len(CONTENT)}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + CONTENT[:sent])
    await writer.drain()
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def offset_of(client: httpx.AsyncClient, drive: Drive, path: str, *, minimum: int) -> int:
    """Return the offset of the upload, once no request writes to it."""
    async with asyncio.timeout(10):
        while True:
            response = await client.head(path, headers={**drive.headers, **TUS})
            if response.status_code == 200 and int(response.headers["Upload-Offset"]) >= minimum:
                return int(response.headers["Upload-Offset"])
            await asyncio.sleep(0.05)


async def test_upload_continues_after_a_dropped_connection_and_a_new_server(
    drive: Drive, api_base: str, app: FastAPI
) -> None:
    async with httpx.AsyncClient(base_url=api_base) as client:
        headers = {
            **drive.headers,
            **TUS,
            "Upload-Length": str(len(CONTENT)),
            "Upload-Metadata": "path YS5iaW4=",
        }
        path = (await client.post("/v1/drive/uploads", headers=headers)).headers["Location"]
        await disconnect_after(drive, api_base, path, 2_000_000)
        kept = await offset_of(client, drive, path, minimum=1)
        assert kept <= 2_000_000
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - the server has no event for this
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        at = await offset_of(client, drive, path, minimum=kept)
        more = {"Upload-Offset": str(at), "Content-Type": "application/offset+octet-stream"}
        response = await client.patch(path, content=CONTENT[at:], headers={**drive.headers, **TUS, **more})
        assert response.status_code == 204
    server.should_exit = True
    await serving
    assert (drive.folder / "a.bin").read_bytes() == CONTENT
