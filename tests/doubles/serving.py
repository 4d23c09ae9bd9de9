"""Serve a double over a real socket, in a thread of the test process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

START_S = 10.0


class _Server(uvicorn.Server):
    """A server that ends immediately, while that of uvicorn checks only ten times per second whether it should."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()
        self._ended: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, and report it."""
        await super().startup(sockets)
        self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.ready.set()

    async def main_loop(self) -> None:
        """Serve until `end` is called."""
        assert self._ended
        await self.on_tick(0)  # sets the header `date`
        await self._ended[1].wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close all sockets; requests that are still served are cancelled at the end of the loop."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)

    def end(self) -> None:
        """End the server. May be called from any thread."""
        assert self._ended
        loop, ended = self._ended
        loop.call_soon_threadsafe(ended.set)


@contextmanager
def serving(app: Any, name: str, **options: Any) -> Iterator[str]:
    """Serve the ASGI application on a free local port, and yield its URL."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none", **options
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, name=name)
    thread.start()
    assert server.ready.wait(START_S)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.end()
        thread.join()
