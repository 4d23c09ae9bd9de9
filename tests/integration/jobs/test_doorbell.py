"""A Redis that takes connections and never answers costs a moment once, and no request its answer."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import closing
from uuid import uuid4

from backend.queue import ANSWER_S, RedisDoorbell, Ticket, WakeUp


async def test_a_frozen_redis_holds_nobody_up_for_long() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as frozen:
        doorbell = RedisDoorbell(f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
        began = time.monotonic()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(doorbell.ring([Ticket("default"), WakeUp(uuid4(), 1)]))
        assert time.monotonic() - began < 4 * ANSWER_S, "only the first ring waits"
        doorbell.close()
