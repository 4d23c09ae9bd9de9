"""Jobs that disconnect before the API responds cause no errors in the worker."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from contextlib import suppress
from typing import Any

import uvloop

from workers.sandbox.host.broker import Broker

CLIENTS = 8
REQUEST = b"POST /v1/drive/sign HTTP/1.1\r\nX-Puras-Service-Token: token\r\nContent-Length: 2\r\n\r\n{}"


def test_client_that_disconnects_early_causes_no_worker_error() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as in workers
        assert runner.run(errors_after_disconnects()) == []


async def errors_after_disconnects() -> list[dict[str, Any]]:
    """Return the errors of the event loop while an API responds to jobs that have disconnected."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    responses: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        responses.add(asyncio.ensure_future(respond_slowly(reader, writer)))

    api = await asyncio.start_server(accept, "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = Broker(listener.dup(), f"http://127.0.0.1:{api.sockets[0].getsockname()[1]}")
        broker.tokens.add("token")
        await asyncio.gather(*(request_and_disconnect(listener.getsockname()) for _ in range(CLIENTS)))
        async with asyncio.timeout(20):
            while broker.is_busy:  # noqa: ASYNC110 - its connections do not report their end
                await asyncio.sleep(0.01)
        broker.close()
    api.close()
    await api.wait_closed()
    await asyncio.gather(*responses)
    gc.collect()  # a failed task reports its error when it is garbage-collected
    await asyncio.sleep(0)
    return errors


async def respond_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond slowly, and then with much data."""
    await reader.readuntil(b"{}")
    await asyncio.sleep(0.2)
    for _ in range(50):
        if not writer.is_closing():
            writer.write(bytes(1 << 16))
        await asyncio.sleep(0.002)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def request_and_disconnect(address: Any) -> None:
    with socket.create_connection(address) as client:
        # The connection is reset, as when a process is killed.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.sendall(REQUEST)
        await asyncio.sleep(0.1)
