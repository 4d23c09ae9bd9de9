"""Hashing beside the event loop has a bounded queue."""

from __future__ import annotations

import asyncio
import threading

import pytest

from backend.core.errors import Unavailable
from backend.identity.auth.accounts.hashing import Hashers


async def test_who_would_wait_behind_too_many_is_told_to_come_back() -> None:
    hashers = Hashers(threads=1, max_waiting=2)
    go_on = threading.Event()
    taken = [asyncio.create_task(hashers.run(go_on.wait)) for _ in range(3)]
    await asyncio.sleep(0)  # each has taken its place by the next round of the loop
    with pytest.raises(Unavailable) as refused:
        await hashers.run(go_on.wait)
    assert refused.value.retry_after_s > 0

    go_on.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*taken) == [True] * 3
        assert await hashers.run(lambda: "room again") == "room again"


async def test_work_that_fails_gives_its_place_back() -> None:
    hashers = Hashers(threads=1, max_waiting=0)

    def fail() -> None:
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await hashers.run(fail)
