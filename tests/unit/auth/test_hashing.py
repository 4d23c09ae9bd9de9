"""Password hashing in threads has a bounded queue."""

from __future__ import annotations

import asyncio
import threading

import pytest

from backend.core.errors import Unavailable
from backend.identity.auth.accounts.hashing import Hashers


async def test_request_is_rejected_when_the_queue_is_full() -> None:
    hashers = Hashers(threads=1, max_waiting=2)
    resume = threading.Event()
    accepted = [asyncio.create_task(hashers.run(resume.wait)) for _ in range(3)]
    await asyncio.sleep(0)  # the tasks take their slots in the next iteration of the loop
    with pytest.raises(Unavailable) as rejected:
        await hashers.run(resume.wait)
    assert rejected.value.retry_after_s > 0

    resume.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*accepted) == [True] * 3
        assert await hashers.run(lambda: "room again") == "room again"


async def test_failed_work_releases_its_slot() -> None:
    hashers = Hashers(threads=1, max_waiting=0)

    def fail() -> None:
        raise ValueError("no")

    for _ in range(3):
        with pytest.raises(ValueError, match="no"):
            await hashers.run(fail)
