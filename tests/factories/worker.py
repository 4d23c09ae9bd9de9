"""A worker in the process of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workers.supervisor import Supervisor

WAKE_S = 0.05


@asynccontextmanager
async def working(supervisor: Supervisor, *, drain_s: float = 5) -> AsyncIterator[Supervisor]:
    """Run a worker while the block runs; it drains at the end.

    It is woken often, as the messages of the queue wake the process of a worker. Otherwise it would notice a job with
    the next sweep, after up to two seconds.
    """
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=drain_s))
    waking = asyncio.create_task(_wake(supervisor))
    try:
        yield supervisor
    finally:
        waking.cancel()
        supervisor.stop()
        await running


async def _wake(supervisor: Supervisor) -> None:
    while True:
        supervisor.wake()
        await asyncio.sleep(WAKE_S)
