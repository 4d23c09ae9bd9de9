"""What rings is sent together and whole; a Redis that never answers costs a moment once, and no request its answer."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import closing
from typing import Any
from uuid import uuid4

from redis import Redis

from backend.queue import ANSWER_S, DELTA_CHANNEL, Delta, RedisDoorbell, Ticket, WakeUp

JOB = uuid4()


async def test_a_frozen_redis_holds_nobody_up_for_long() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as frozen:
        doorbell = RedisDoorbell(f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
        began = time.monotonic()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(doorbell.ring([Ticket("default"), WakeUp(uuid4(), 1)]))
        assert time.monotonic() - began < 4 * ANSWER_S, "only the first ring waits"
        doorbell.close()


async def test_what_comes_while_it_sends_goes_out_whole_and_tickets_once(redis_url: str) -> None:
    words = [Delta(JOB, 1, text) for text in ("na", "na", "na", " batman", "na")]
    with closing(Redis.from_url(redis_url)) as redis, redis.pubsub(ignore_subscribe_messages=True) as heard:
        heard.subscribe(DELTA_CHANNEL)
        doorbell = RedisDoorbell(redis_url)
        for word in words:
            doorbell.send([word, Ticket("default")])
        doorbell.close()
        bodies = [json.loads(body.partition(b" ")[2]) for body in _data(heard, len(words))]
        assert [body["text"] for body in bodies] == [word.text for word in words]
        assert 1 <= redis.llen("puras:tickets:lane-default") < len(words)


def _data(heard: Any, count: int) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + 5
    while len(found) < count and time.monotonic() < deadline:
        message = heard.get_message(timeout=0.5)
        if message is not None:
            found.append(message["data"])
    return found
