"""One sandbox's door: accepts on the socket that was made inside it, and answers, refuses or connects."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final

from backend.core.net.egress.dialing import Dialer, Streams
from backend.core.net.egress.refusals import Failed, Malformed, Refused, Turned
from backend.core.net.egress.rules import Rule
from workers.sandbox.egress.request import MAX_HEAD_BYTES, Request, label_of, read_request, said_host
from workers.sandbox.egress.response import heard_apart, pass_answer

from .body import IDLE_S, pipe, send_body
from .traffic import Books, Tell, Traffic

MAX_CONNECTIONS: Final = 64  # of one job at once
MAX_OF_A_DOOR: Final = 256  # of all jobs of one sandbox at once
_HEAD_S: Final = 10.0  # to send a head, counted from the connection: drops of it do not buy time
_MAX_TURNED_AWAY: Final = 16  # beyond the most, which are told so; further ones are only closed
_LINGER_S: Final = 2.0
_LINGER_BYTES: Final = 1 << 20
_FULL: Final = "this skill has {most} connections open at once, which is the most: close some, or reuse them"


class Door:
    """Serves one sandbox under one rule."""

    def __init__(
        self,
        number: int,
        rule: Rule,
        tell: Tell,
        *,
        dialer: Dialer | None = None,
        most: Callable[[], int] = lambda: MAX_OF_A_DOOR,
        idle_s: float = IDLE_S,
        head_s: float = _HEAD_S,
    ) -> None:
        self._rule = rule
        self._dialer = dialer or Dialer()
        self._most = most
        self._idle_s = idle_s
        self._head_s = head_s
        self._connections: set[asyncio.Task[Any]] = set()
        self._server: asyncio.Server | None = None
        self._is_closed = False
        self.books = Books(number, tell)

    async def open(self, listener: socket.socket) -> None:
        """Serve from now on, unless it was closed before it got to this."""
        self._server = await asyncio.start_server(self._serve, sock=listener, limit=MAX_HEAD_BYTES)
        if self._is_closed:
            self.close()

    @property
    def open_connections(self) -> int:
        """Connections that are served now."""
        return len(self._connections)

    def close(self) -> None:
        """Serve no more, and end what is under way."""
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
            await self._answer(client)
        except (OSError, EOFError, TimeoutError, asyncio.CancelledError):
            pass  # the job went away, or sent nothing for too long: nobody is there to be told
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer(self, client: Streams) -> None:
        if (over := len(self._connections) - self._most()) > 0:
            refusal = Refused("too_many_connections", _FULL.format(most=self._most()), status=503)
            self.books.refused(None, refusal, "", None)
            if over <= _MAX_TURNED_AWAY:
                await _turn_away(client, refusal)
            return
        head = b""
        try:
            head = await self._head(client.reader)
            request = read_request(head)
        except Turned as turned:
            if isinstance(turned, Refused):
                self.books.refused(label_of(head), turned, said_host(head), None)
            await _turn_away(client, turned)
            return
        try:
            await self._connect(client, request)
        except _TooLate as late:
            self._note(request, late.turned)
        except Turned as turned:
            self._note(request, turned)
            await _turn_away(client, turned)

    def _note(self, request: Request, turned: Turned) -> None:
        if isinstance(turned, Refused):
            self.books.refused(request.job, turned, request.target.host, request.target.port)

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._head_s):
                return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Malformed(f"the head of the request is longer than {MAX_HEAD_BYTES} bytes") from None
        except TimeoutError:
            raise Failed(408, f"the head of the request did not come within {self._head_s:g} s") from None

    async def _connect(self, client: Streams, request: Request) -> None:
        self._dialer.screen(request.target)
        self._rule.check(request.target)
        with self.books.place(request.job, MAX_CONNECTIONS) as traffic:
            if traffic is None:
                raise Refused("too_many_connections", _FULL.format(most=MAX_CONNECTIONS), status=503)
            upstream = await self._dialer.dial(request.target)
            self.books.opened(request.job, traffic)
            try:
                async with asyncio.timeout(self._idle_s) as idle:
                    await _Passing(client, upstream, traffic, idle, self._idle_s).run(request)
            finally:
                upstream.writer.close()


class _TooLate(Exception):
    """The job is turned away when an answer is on its way already: the connection can only be cut."""

    def __init__(self, turned: Turned) -> None:
        super().__init__(turned.sentence)
        self.turned = turned


class _Passing:
    """The bytes of one connection, both ways, until the other side's end or until none come."""

    def __init__(
        self, client: Streams, upstream: Streams, traffic: Traffic, idle: asyncio.Timeout, idle_s: float
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._traffic = traffic
        self._idle = idle
        self._idle_s = idle_s
        self._is_sent = False
        self._is_answered = False

    async def run(self, request: Request) -> None:
        """Pass on one request and its answer, or a tunnel's bytes.

        Raises:
            Turned: the request is not what its head said, or the answer is none.
            _TooLate: the same, when an answer has begun.
        """
        client, upstream = self._client, self._upstream
        if request.is_tunnel:
            client.writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._is_answered = True
            outward = pipe(client.reader, upstream.writer, self._sent)
            inward = pipe(upstream.reader, client.writer, self._received)
            await self._both(outward, inward)
            return
        heard = await heard_apart(upstream)
        try:
            upstream.writer.write(request.onward)
            answer = pass_answer(heard.reader, client.writer, request.target.host, self._received)
            await self._both(self._one_request(request), answer)
            if not self._is_sent:  # it was answered early, and the job still sends
                await _linger(client)
        finally:
            heard.writer.close()

    async def _both(self, outward: Coroutine[Any, Any, None], inward: Coroutine[Any, Any, None]) -> None:
        outgoing, incoming = asyncio.create_task(outward), asyncio.create_task(inward)
        try:
            await asyncio.wait({outgoing, incoming}, return_when=asyncio.FIRST_COMPLETED)
            if outgoing.done() and (outgoing.exception() is None or self._upstream.writer.is_closing()):
                await incoming  # its end is the end, whatever the job would still send and nobody would read
        finally:
            outgoing.cancel()
            incoming.cancel()
            ends = await asyncio.gather(outgoing, incoming, return_exceptions=True)
        for end in ends:
            if isinstance(end, Turned):  # looked at now, when nothing more of an answer can come between
                raise _TooLate(end) if self._is_answered else end

    async def _one_request(self, request: Request) -> None:
        """Exactly one: what follows it on this connection would reach a host that was never looked at."""
        await send_body(self._client.reader, self._upstream.writer, request.body_bytes, self._sent)
        self._is_sent = True
        if await self._client.reader.read(1):
            raise Malformed("one connection to the proxy carries one request")

    def _sent(self, count: int) -> None:
        self._traffic.sent(count)
        self._alive()

    def _received(self, count: int) -> None:
        self._is_answered = True
        self._traffic.received(count)
        self._alive()

    def _alive(self) -> None:
        self._idle.reschedule(asyncio.get_running_loop().time() + self._idle_s)


def _answer_bytes(turned: Turned) -> bytes:
    """Says why in the body, and in the status line: the only part of an answer to CONNECT that clients show."""
    body = json.dumps({"detail": f"{turned.sentence}.", "code": turned.code}).encode()
    head = (
        f"HTTP/1.1 {turned.status} {turned.sentence}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Puras-Refusal: {turned.code}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


async def _turn_away(client: Streams, turned: Turned) -> None:
    client.writer.write(_answer_bytes(turned))
    await client.writer.drain()
    if client.writer.can_write_eof():
        client.writer.write_eof()
    await _linger(client)


async def _linger(client: Streams) -> None:
    """Read on a little: a close with bytes unread resets the connection, and the answer is lost with it."""
    left = _LINGER_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            while left > 0 and (data := await client.reader.read(1 << 16)):
                left -= len(data)
