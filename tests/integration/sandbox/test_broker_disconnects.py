"""Jobs that do not wait for what they have asked the API leave no mark on the worker."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
from contextlib import suppress
from typing import Any

import uvloop

from workers.sandbox.host.broker import Broker

ASKERS = 8
REQUEST = (
    b"POST /v1/drive/sign HTTP/1.1\r\nX-Puras-Service-Token: token\r\nContent-Length: 2\r\n\r\n{}"  # and goes
)


def test_client_that_disconnects_early_causes_no_worker_error() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as workers have it
        assert runner.run(asking_and_going()) == []


async def asking_and_going() -> list[dict[str, Any]]:
    """What the event loop complains of while an API answers to jobs that have gone."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    answers: set[asyncio.Task[None]] = set()

    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.add(asyncio.ensure_future(answering(reader, writer)))

    api = await asyncio.start_server(answer, "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        broker = Broker(listener.dup(), f"http://127.0.0.1:{api.sockets[0].getsockname()[1]}")
        broker.tokens.add("token")
        await asyncio.gather(*(ask_and_go(listener.getsockname()) for _ in range(ASKERS)))
        async with asyncio.timeout(20):
            while broker.is_busy:  # noqa: ASYNC110 - its connections tell nobody of their end
                await asyncio.sleep(0.01)
        broker.close()
    api.close()
    await api.wait_closed()
    await asyncio.gather(*answers)
    gc.collect()  # a task that failed says so when it is forgotten
    await asyncio.sleep(0)
    return complaints


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An API that takes its time, and then has much to say."""
    await reader.readuntil(b"{}")
    await asyncio.sleep(0.2)
    for _ in range(50):
        if not writer.is_closing():
            writer.write(bytes(1 << 16))
        await asyncio.sleep(0.002)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def ask_and_go(address: Any) -> None:
    with socket.create_connection(address) as asker:
        asker.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )  # as who is killed goes
        asker.sendall(REQUEST)
        await asyncio.sleep(0.1)
