"""Receive the messages of a process in a sandbox."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from workers.sandbox.guest import wire


async def next_message(control: socket.socket, *, max_descriptors: int = 0) -> wire.Message:
    """Return the next message of a socket that does not block.

    Raises:
        OSError: the socket failed.
    """
    loop = asyncio.get_running_loop()
    while True:
        arrived = asyncio.Event()
        loop.add_reader(control, arrived.set)
        try:
            await arrived.wait()
        finally:
            loop.remove_reader(control)
        with suppress(BlockingIOError):
            return wire.receive(control, max_descriptors=max_descriptors)
