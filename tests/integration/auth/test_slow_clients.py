"""Clients that send slowly or send endless heads over real sockets: the server ends each connection."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from typing import NamedTuple

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse, StreamingResponse

from backend.core.http import middleware, request_limits
from backend.core.http.request_limits import MAX_HEAD_BYTES, MAX_HEADERS, BoundedHttp
from tests.integration.auth.conftest import World

SOON_S = 10.0


class Answer(NamedTuple):
    """The response on a raw connection that the server closed."""

    status: int
    head: str
    body: str

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])


@pytest_asyncio.fixture
async def port(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Yield the port of the application, served with its own protocol class and with shorter timeouts."""
    monkeypatch.setattr(request_limits, "HEAD_S", 0.5)
    monkeypatch.setattr(request_limits, "LINGER_S", 0.5)
    monkeypatch.setattr(middleware, "BODY_GRACE_S", 0.5)
    async with served(app) as (_, port):
        yield port


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve the application with its own protocol class, and yield the server and its port."""
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_config=None, http=BoundedHttp, timeout_keep_alive=1, ws="none"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(SOON_S):
        while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
    yield server, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with closing(writer):
        yield reader, writer
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)


async def until_closed(reader: asyncio.StreamReader) -> Answer | None:
    """Return the response before the server disconnected, if any; the client may still be sending then."""
    pieces: list[bytes] = []
    async with asyncio.timeout(SOON_S):
        with suppress(ConnectionResetError):
            while piece := await reader.read(1 << 16):
                pieces.append(piece)
    if not pieces:
        return None
    head, _, body = b"".join(pieces).decode().partition("\r\n\r\n")
    return Answer(int(head.split()[1]), head.lower(), body)


async def trickle(writer: asyncio.StreamWriter, data: bytes = b"x") -> None:
    """Send data slowly until the server disconnects."""
    try:
        while True:
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(0.05)
    except ConnectionError:
        return


async def exchange(port: int, *parts: bytes, then: bytes = b"") -> Answer | None:
    """Send parts, then send data slowly, and return the response."""
    async with connected(port) as (reader, writer):
        for part in parts:
            writer.write(part)
        trickling = asyncio.create_task(trickle(writer, then)) if then else None
        response = await until_closed(reader)
        if trickling is not None:
            trickling.cancel()
            await asyncio.gather(trickling, return_exceptions=True)
        return response


async def test_silent_client_is_disconnected(port: int) -> None:
    began = time.monotonic()
    assert await exchange(port) is None
    assert time.monotonic() - began < SOON_S


async def test_client_with_a_slow_head_is_disconnected(port: int) -> None:
    assert await exchange(port, b"GET /health HTTP/1.1\r\nHost: a\r\nX-Slow: ", then=b"x") is None
    assert await exchange(port, b"GET /health HTTP/1.1\r\n", then=b"A: b\r\n") is None


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n",
        b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"GET /health?" + b"x" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX: " + b"x" * 200_000,
    ],
    ids=["one large header", "many headers", "a long URL", "an endless header"],
)
async def test_oversized_head_is_rejected(port: int, head: bytes) -> None:
    response = await exchange(port, head)
    assert response is not None
    assert (response.status, response.code) == (431, "head_too_large")
    assert "connection: close" in response.head


async def test_head_with_the_maximum_number_of_headers_is_accepted(port: int) -> None:
    head = b"GET /health HTTP/1.1\r\nConnection: close\r\n" + b"A: b\r\n" * (MAX_HEADERS - 1) + b"\r\n"
    response = await exchange(port, head)
    assert response is not None
    assert response.status == 200


async def test_malformed_http_returns_an_api_error(port: int) -> None:
    for junk in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"HELLO\r\n\r\n"):
        response = await exchange(port, junk)
        assert response is not None
        assert (response.status, response.code) == (400, "malformed")


async def request(world: World, body_head: str, path: str = "/v1/api-keys") -> bytes:
    headers = await world.key(await world.project("Acme"))
    return (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\n{body_head}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("how", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
async def test_slow_or_incomplete_body_is_rejected(port: int, world: World, how: str) -> None:
    drop = b"1\r\n \r\n" if "chunked" in how else b" "
    for then in (drop, b""):
        response = await exchange(port, await request(world, how), then=then)
        assert response is not None
        assert (response.status, response.code) == (408, "body_too_slow")
        assert "connection: close" in response.head


@pytest.mark.parametrize("kind", ["drive", "form"])
async def test_incomplete_upload_is_rejected_and_leaves_no_file(
    port: int, world: World, app: FastAPI, kind: str
) -> None:
    headers = await world.key(await world.project("Acme"))
    path = "/v1/drive/upload" if kind == "drive" else "/v1/deployments"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: a\r\nAuthorization: {headers['Authorization']}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    )
    response = await exchange(port, head.encode())
    assert response is not None
    assert (response.status, response.code) == (408, "body_too_slow")
    storage = app.state.context.settings.home / "storage"
    assert [file for file in storage.rglob("*") if file.is_file()] == []


async def test_long_body_is_accepted_if_it_is_fast_enough(
    port: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(middleware, "MIN_BYTES_PER_S", 1000)
    head = await request(world, "Content-Length: 6000\r\nConnection: close")
    async with connected(port) as (reader, writer):
        writer.write(head)
        for _ in range(12):  # 500 bytes per 0.1 s: longer than the grace period, faster than the minimum rate
            writer.write(b" " * 500)
            await asyncio.sleep(0.1)
        response = await until_closed(reader)
    assert response is not None
    assert response.status in (400, 422)  # the whole body was read, and it is blank


async def test_unauthenticated_client_cannot_keep_the_connection_open(port: int) -> None:
    head = b"POST /v1/api-keys HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    response = await exchange(port, head, then=b" ")
    assert response is not None
    assert response.status == 401


async def test_connection_is_reused_and_closed_when_idle(port: int) -> None:
    async with connected(port) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
            async with asyncio.timeout(SOON_S):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            assert head.startswith(b"HTTP/1.1 200")
        assert await until_closed(reader) is None


async def test_slow_response_is_not_interrupted(port: int, app: FastAPI) -> None:
    app.router.add_route("/slow", _slow)
    half_of_the_next_request = b"GET /health HTTP/1.1\r\nHost"
    async with connected(port) as (reader, writer):
        writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" + half_of_the_next_request)
        async with asyncio.timeout(SOON_S):
            assert b"200" in await reader.readline()


async def _slow(_: Request) -> PlainTextResponse:
    await asyncio.sleep(1.5)
    return PlainTextResponse("at last")


async def test_stopping_server_ends_streams_and_finishes_other_responses() -> None:
    stopping = asyncio.Event()

    async def finite_stream() -> AsyncIterator[str]:
        yield "first"
        await stopping.wait()
        yield ", last"

    async def endless_stream() -> AsyncIterator[str]:
        yield "first"
        await asyncio.Event().wait()

    api = FastAPI()
    api.add_api_route("/answer", lambda: StreamingResponse(finite_stream()))
    api.add_api_route("/v1/jobs/7/stream", lambda: StreamingResponse(endless_stream()))
    async with served(api) as (server, port), connected(port) as response, connected(port) as stream:
        for path, (reader, writer) in (("/answer", response), ("/v1/jobs/7/stream", stream)):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            await reader.readuntil(b"first\r\n")
        server.should_exit = True
        assert await read_to_end(stream[0]) == b""
        stopping.set()
        assert b", last" in await read_to_end(response[0])


async def read_to_end(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SOON_S):
        return await reader.read()
