"""Serve the broker of a sandbox: forward requests of a job to the API routes that jobs may call.

It accepts on a socket that was created inside the network namespace of the sandbox, so no other process reaches it.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import suppress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from backend.core import logs
from backend.core.net.transport import trusted_certificates

ROUTES: Final = frozenset(
    {
        "/v1/media/generate",
        "/v1/drive/sign",
        "/v1/memory/forget",
        "/v1/memory/get",
        "/v1/memory/put",
        "/v1/memory/search",
        "/v1/subagent/describe",
        "/v1/subagent/invoke",
        "/v1/web/image-search",
        "/v1/web/search",
        "/v1/web/fetch",
    }
)
READS: Final = re.compile(r"/v1/drive/signed/[A-Za-z0-9_-]{1,1600}/[A-Za-z0-9_.~%-]{1,800}")
"""URLs of files that the instance has signed; jobs may read them."""
TOKEN_HEADER: Final = "x-puras-service-token"  # noqa: S105 - a header's name

_MAX_HEAD_BYTES: Final = 16 * 1024
_MAX_REQUEST_BYTES: Final = 8 << 20
_MAX_RESPONSE_BYTES: Final = 32 << 20
_MAX_FILE_BYTES: Final = (
    5 << 30
) + _MAX_HEAD_BYTES  # the largest object of a storage, with the head of the response
_MAX_CONNECTIONS: Final = 32
_REQUEST_S: Final = 30.0  # to send a request
_RESPONSE_S: Final = 1830.0  # a subagent may take 1800
_CHUNK_BYTES: Final = 1 << 16

log = logs.get(__name__)


class _Refused(Exception):
    """The broker rejects the request itself."""

    def __init__(self, status: str, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code


class _Request(NamedTuple):
    method: str
    path: str
    token: str
    content_type: str
    length: int


class Broker:
    """Serves one sandbox; forwards only tokens of jobs that currently run in it."""

    def __init__(self, listener: socket.socket, api_base: str) -> None:
        listener.setblocking(False)
        self.tokens: set[str] = set()
        self._api = urlsplit(api_base)
        self._listener = listener
        self._connections: set[asyncio.Task[None]] = set()
        self._is_closed = False
        asyncio.get_running_loop().add_reader(listener, self._accept)

    @property
    def is_busy(self) -> bool:
        """Whether requests are being served."""
        return bool(self._connections)

    def close(self) -> None:
        """Stop serving and end open connections."""
        if self._is_closed:
            return
        self._is_closed = True
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        for connection in self._connections:
            connection.cancel()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        if len(self._connections) >= _MAX_CONNECTIONS:
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection), name="broker")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection, limit=_MAX_HEAD_BYTES)
        try:
            await self._respond(reader, writer)
        except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
            log.debug("connection of a job's request lost", reason=type(error).__name__)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S):
                request = self._parse(await _head(reader))
            async with asyncio.timeout(_RESPONSE_S):
                await self._forward(request, reader, writer)
        except _Refused as refusal:
            await _send(writer, _refusal_response(refusal))

    def _parse(self, head: bytes) -> _Request:
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = (*lines[0].split(" "), "", "")[:3]
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        is_read = method == "GET" and READS.fullmatch(target) is not None
        if not is_read and (method != "POST" or target not in ROUTES):
            raise _Refused(
                "403 Forbidden", "not_allowed", f"A job may not call {method[:10]} {target[:100]}."
            )
        token = headers.get(TOKEN_HEADER, "")
        if token not in self.tokens:
            raise _Refused(
                "401 Unauthorized",
                "not_signed_in",
                "The header X-Puras-Service-Token is not this job's token.",
            )
        if is_read:
            return _Request(method, target, token, "", 0)
        if "transfer-encoding" in headers or not headers.get("content-length", "").isdecimal():
            raise _Refused("411 Length Required", "malformed", "Send the body with its Content-Length.")
        length = int(headers["content-length"])
        if length > _MAX_REQUEST_BYTES:
            raise _Refused(
                "413 Content Too Large", "too_large", f"The body is over {_MAX_REQUEST_BYTES} bytes."
            )
        return _Request(method, target, token, headers.get("content-type", "application/json"), length)

    async def _forward(
        self, request: _Request, body: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, is_tls = self._api.hostname or "127.0.0.1", self._api.scheme == "https"
        port = self._api.port or (443 if is_tls else 80)
        try:
            response, upstream = await asyncio.open_connection(
                host, port, ssl=trusted_certificates() if is_tls else None
            )
        except OSError:
            raise _Refused(
                "503 Service Unavailable", "unavailable", "The API does not respond. Try again."
            ) from None
        try:
            await _send(upstream, self._request_bytes(request, host))
            async with asyncio.timeout(_REQUEST_S):
                await _copy(body, upstream, request.length)
            max_bytes = _MAX_FILE_BYTES if request.method == "GET" else _MAX_RESPONSE_BYTES
            await _copy(response, writer, max_bytes)
        finally:
            upstream.close()

    def _request_bytes(self, request: _Request, host: str) -> bytes:
        """Return the head of the forwarded request, which contains only validated values of the job."""
        content_type = request.content_type if request.content_type.isprintable() else "application/json"
        lines = (
            f"{request.method} {self._api.path.rstrip('/')}{request.path} HTTP/1.1",
            f"Host: {host}",
            f"X-Puras-Service-Token: {request.token}",
            *([f"Content-Type: {content_type}", f"Content-Length: {request.length}"] if content_type else []),
            "Connection: close",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, max_bytes: int) -> None:
    """Copy data up to a maximum size, without buffering all of it."""
    while max_bytes and (data := await source.read(min(_CHUNK_BYTES, max_bytes))):
        max_bytes -= len(data)
        await _send(sink, data)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write to a peer that may have disconnected, which some event loops do not report as an error."""
    if writer.is_closing():
        raise ConnectionResetError
    writer.write(data)
    await writer.drain()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise _Refused(
            "431 Request Header Fields Too Large", "too_large", "The request's head is too large."
        ) from None


def _refusal_response(refusal: _Refused) -> bytes:
    body = json.dumps({"detail": str(refusal), "code": refusal.code}).encode()
    head = f"HTTP/1.1 {refusal.status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
