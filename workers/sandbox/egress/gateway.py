"""Serve the gateway of one sandbox: accept on a socket that was created inside it, and connect or reject."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from backend.core.net.egress.connector import Connector, Streams
from backend.core.net.egress.errors import EgressDenied, EgressError, EgressFailed, Malformed
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.request import MAX_HEAD_BYTES, Request, label_of, named_host, read_request
from workers.sandbox.egress.response import pass_response, read_separately

from .body import IDLE_S, pipe, send_body
from .traffic import Send, Traffic, TrafficCounts

MAX_CONNECTIONS: Final = 64  # of one job at the same time
MAX_CONNECTIONS_PER_GATEWAY: Final = 256  # of all jobs of one sandbox at the same time
_HEAD_S: Final = 10.0  # time to send a head, from the start of the connection, which also limits slow clients
_MAX_REJECTIONS: Final = 16  # beyond the maximum that receive a response; further ones are only closed
_LINGER_S: Final = 2.0
_LINGER_BYTES: Final = 1 << 20
_FULL: Final = "this skill has {max_connections} open connections, the maximum. Close some, or reuse them"


class Gateway:
    """Serves one sandbox under one rule."""

    def __init__(
        self,
        number: int,
        rule: Rule,
        send: Send,
        *,
        connector: Connector | None = None,
        max_connections: Callable[[], int] = lambda: MAX_CONNECTIONS_PER_GATEWAY,
        idle_s: float = IDLE_S,
        head_s: float = _HEAD_S,
    ) -> None:
        self._rule = rule
        self._connector = connector or Connector()
        self._max_connections = max_connections
        self._idle_s = idle_s
        self._head_s = head_s
        self._connections: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._is_closed = False
        self.traffic = TrafficCounts(number, send)

    async def open(self, listener: socket.socket) -> None:
        """Start to serve, unless it was closed in the meantime."""
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=MAX_HEAD_BYTES)
        if self._is_closed:
            self.close()

    @property
    def open_connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    def close(self) -> None:
        """Stop serving, and end open connections."""
        self._is_closed = True
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        self._connections.add(task)
        client = Streams(reader, writer)
        try:
            await self._respond(client)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            pass  # the job disconnected, or sent nothing for too long
        finally:
            self._connections.discard(task)
            writer.close()

    async def _respond(self, client: Streams) -> None:
        if (excess := len(self._connections) - self._max_connections()) > 0:
            refusal = EgressDenied(
                "too_many_connections", _FULL.format(max_connections=self._max_connections()), status=503
            )
            self.traffic.refused(None, refusal, "", None)
            if excess <= _MAX_REJECTIONS:
                await _reject(client, refusal)
            return
        head = b""
        try:
            head = await self._head(client.reader)
            request = read_request(head)
        except EgressError as turned:
            if isinstance(turned, EgressDenied):
                self.traffic.refused(label_of(head), turned, named_host(head), None)
            await _reject(client, turned)
            return
        try:
            await self._connect(client, request)
        except _ResponseStarted as error:
            self._note(request, error.turned)
        except EgressError as turned:
            self._note(request, turned)
            await _reject(client, turned)

    def _note(self, request: Request, turned: EgressError) -> None:
        if isinstance(turned, EgressDenied):
            self.traffic.refused(request.job, turned, request.target.host, request.target.port)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._head_s):
                return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Malformed(f"the head of the request is longer than {MAX_HEAD_BYTES} bytes") from None
        except TimeoutError:
            raise EgressFailed(
                408, f"the head of the request did not arrive within {self._head_s:g} s"
            ) from None

    async def _connect(self, client: Streams, request: Request) -> None:
        self._connector.screen(request.target)
        self._rule.check(request.target)
        with self.traffic.slot(request.job, MAX_CONNECTIONS) as traffic:
            if traffic is None:
                raise EgressDenied(
                    "too_many_connections", _FULL.format(max_connections=MAX_CONNECTIONS), status=503
                )
            upstream = await self._connector.connect(request.target)
            self.traffic.opened(request.job, traffic)
            try:
                async with asyncio.timeout(self._idle_s) as idle:
                    await _Transfer(client, upstream, traffic, idle, self._idle_s).run(request)
            finally:
                upstream.writer.close()


class _ResponseStarted(Exception):
    """The request is rejected after a response has started: the connection can only be closed."""

    def __init__(self, turned: EgressError) -> None:
        super().__init__(turned.detail)
        self.turned = turned


class _Transfer:
    """The bytes of one connection in both directions, until the other side ends or the connection is idle."""

    def __init__(
        self, client: Streams, upstream: Streams, traffic: Traffic, idle: asyncio.Timeout, idle_s: float
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._traffic = traffic
        self._idle = idle
        self._idle_s = idle_s
        self._is_sent = False
        self._has_response = False

    async def run(self, request: Request) -> None:
        """Forward one request and its response, or the bytes of a tunnel.

        Raises:
            EgressError: the request does not match its head, or the response is invalid.
            _ResponseStarted: the same, after a response has started.
        """
        client, upstream = self._client, self._upstream
        if request.is_tunnel:
            client.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._has_response = True
            outward = pipe(client.reader, upstream.writer, self._sent)
            inward = pipe(upstream.reader, client.writer, self._received)
            await self._both(outward, inward)
            return
        separate = await read_separately(upstream)
        try:
            upstream.writer.write(request.forwarded_head)
            response = pass_response(separate.reader, client.writer, request.target.host, self._received)
            await self._both(self._send_request(request), response)
            if not self._is_sent:  # the response came early, and the job still sends
                await _linger(client)
        finally:
            separate.writer.close()

    async def _both(self, outward: Coroutine[Any, Any, None], inward: Coroutine[Any, Any, None]) -> None:
        outgoing, incoming = asyncio.create_task(outward), asyncio.create_task(inward)
        try:
            await asyncio.wait({outgoing, incoming}, return_when=asyncio.FIRST_COMPLETED)
            if outgoing.done() and (outgoing.exception() is None or self._upstream.writer.is_closing()):
                await (
                    incoming
                )  # the end of the response ends the exchange: no process reads further data of the job
        finally:
            outgoing.cancel()
            incoming.cancel()
            ends = await asyncio.gather(outgoing, incoming, return_exceptions=True)
        for end in ends:
            if isinstance(end, EgressError):  # raised now, when no more of a response can arrive
                raise _ResponseStarted(end) if self._has_response else end

    async def _send_request(self, request: Request) -> None:
        """Send exactly one request: a second one on this connection could name a host that was not checked."""
        await send_body(self._client.reader, self._upstream.writer, request.body_bytes, self._sent)
        self._is_sent = True
        if await self._client.reader.read(1):
            raise Malformed("a connection to the proxy can carry only one request")

    def _sent(self, count: int) -> None:
        self._traffic.sent(count)
        self._alive()

    def _received(self, count: int) -> None:
        self._has_response = True
        self._traffic.received(count)
        self._alive()

    def _alive(self) -> None:
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_s)


def _response_bytes(turned: EgressError) -> bytes:
    """Return a response with the reason in the body and in the status line, which clients show after CONNECT."""
    body = json.dumps({"detail": f"{turned.detail}.", "code": turned.code}).encode()
    head = (
        f"HTTP/1.1 {turned.status} {turned.detail}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Puras-Refusal: {turned.code}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


async def _reject(client: Streams, turned: EgressError) -> None:
    client.writer.write(_response_bytes(turned))
    await client.writer.drain()
    if client.writer.can_write_eof():
        client.writer.write_eof()
    await _linger(client)


async def _linger(client: Streams) -> None:
    """Read for a short time: closing with unread bytes resets the connection, and the response is lost."""
    remaining = _LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while remaining > 0 and (data := await client.reader.read(1 << 16)):
                remaining -= len(data)
