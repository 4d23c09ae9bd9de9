"""A receiver of webhooks on a socket, with scripted responses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One received request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """Return the ID of the delivery."""
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        """Return the event of the delivery."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """The received requests, and the responses for each path; 200 by default."""

    port: int = 0
    got: list[Received] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """Responses by path, in order; the last one repeats."""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def place(self) -> str:
        """Return the host and port for the setting of an operator that allows it."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/") -> str:
        """Return the URL of a path."""
        return f"http://{self.place}{path}"

    def at(self, path: str) -> list[Received]:
        """Return the requests to a path."""
        return [one for one in self.got if one.path == path]

    async def has(self, count: int, path: str = "/") -> list[Received]:
        """Wait for a number of requests to a path, and return them."""
        async with asyncio.timeout(20):
            while len(self.at(path)) < count:
                self._news.clear()
                await self._news.wait()
        return self.at(path)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Receiver]:
        """Serve until the end of the context."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            path = first.split(" ")[1]
            self.got.append(Received(path, headers, body))
            self._news.set()
            script = self.answers.get(path, [says(200)])
            await (script.pop(0) if len(script) > 1 else script[0])(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has disconnected
        finally:
            writer.close()


def says(code: int, body: bytes = b"", *headers: str) -> Answer:
    """Return a response with this status."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} X", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


async def hangs(writer: asyncio.StreamWriter) -> None:
    """Send nothing until the client disconnects."""
    await writer.drain()
    await asyncio.sleep(3600)


async def never_ending_response(writer: asyncio.StreamWriter) -> None:
    """Send a response that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    while True:
        writer.write(b"yes " * 10_000)
        await writer.drain()
