"""A TCP proxy that can stop forwarding without closing, as a network that drops packets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TcpProxy:
    """Forward connections to one server until `stall` or `cut` is called."""

    def __init__(self, server: str | tuple[str, int]) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalled: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.accepted = 0
        """The number of opened connections."""

    def stall(self) -> None:
        """Stop forwarding on the open connections without closing them. New connections are forwarded."""
        self._stalled |= self._tasks

    def cut(self) -> None:
        """Close the open connections. New connections are forwarded."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if isinstance(self._server, str):
            upstream_reader, upstream_writer = await asyncio.open_unix_connection(self._server)
        else:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self._server)
        self._writers |= {writer, upstream_writer}
        for source, target in ((reader, upstream_writer), (upstream_reader, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                if asyncio.current_task() not in self._stalled:
                    target.write(data)
                    await target.drain()
        if asyncio.current_task() not in self._stalled:
            target.close()


@asynccontextmanager
async def tcp_proxy(server: str | tuple[str, int]) -> AsyncIterator[TcpProxy]:
    """Run a proxy for a server (the path of a socket, or host and port) until the end of the context."""
    proxy = TcpProxy(server)
    listener = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        for writer in proxy._writers:
            writer.close()
        for task in proxy._tasks:
            task.cancel()
        await asyncio.gather(*proxy._tasks, return_exceptions=True)
