"""Notifications are sent in batches and complete; a Redis that does not respond delays only the first request."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager, closing
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from backend.core import audience as audience_module
from backend.core import notifications
from backend.core import wakeups as wakeups_module
from backend.core.audience import Audience
from backend.core.metrics.instruments import MESSAGES_SENT
from backend.core.notifications import (
    DELTA_CHANNEL,
    END_CHANNEL,
    LAST,
    RESPONSE_TIMEOUT_S,
    WAKE_CHANNEL,
    Delta,
    EventNotification,
    FreeWorker,
    RedisNotifier,
    WorkerSlot,
    WorkerWakeup,
)
from backend.core.wakeups import Subscription, WakeUpListener
from tests.factories.tcp_proxy import TcpProxy, tcp_proxy

JOB = uuid4()


async def test_frozen_redis_delays_requests_only_briefly() -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as frozen:
        notifier = RedisNotifier(f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
        began = time.monotonic()
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(notifier.notify([WorkerWakeup("default"), EventNotification(uuid4(), 1)]))
        assert time.monotonic() - began < 4 * RESPONSE_TIMEOUT_S, "only the first notification waits"
        await notifier.aclose()


async def test_notifications_during_a_send_are_complete_and_wakeups_deduplicated(redis_url: str) -> None:
    words = [Delta(JOB, 1, text) for text in ("na", "na", "na", " batman", "na")]
    with closing(Redis.from_url(redis_url)) as redis, redis.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.subscribe(DELTA_CHANNEL)
        notifier = RedisNotifier(redis_url)
        sent = MESSAGES_SENT.labels("worker_wake_up")
        before = sent._value.get()
        for word in words:
            notifier.send([word, WorkerWakeup("default")])
        await notifier.aclose()
        bodies = [json.loads(body.partition(b" ")[2]) for body in _data(pubsub, len(words))]
        assert [body["text"] for body in bodies] == [word.text for word in words]
        wakeups = redis.llen("puras:tickets:lane-default")
        assert 1 <= wakeups < len(words)
        assert sent._value.get() == before + wakeups


async def test_wakeup_goes_to_free_processes_in_turn_and_without_one_to_the_queue(redis_url: str) -> None:
    """A process that has ended without a report leaves the list at the next wake-up."""
    received: list[str] = []
    async with (
        aclosing(RedisNotifier(redis_url)) as notifier,
        listening_for_work(redis_url, received, "a") as first,
        listening_for_work(redis_url, received, "b") as second,
    ):
        for process in ("ended", first, second):
            notifier.send([FreeWorker(WorkerSlot(process, uuid4()), ["default"], is_free=True)])
        for number in range(1, 5):
            notifier.send([WorkerWakeup("default")])
            await _until(lambda number=number: len(received) == number)
        assert received == ["a default", "b default", "a default", "b default"]
        notifier.send([FreeWorker(WorkerSlot(first, uuid4()), ["default"], is_free=False)])
        notifier.send([WorkerWakeup("default")])
        await _until(lambda: received[4:] == ["b default"])
        notifier.send([FreeWorker(WorkerSlot(second, uuid4()), ["default"], is_free=False)])
        with closing(Redis.from_url(redis_url)) as redis:
            assert redis.llen("puras:tickets:lane-default") == 0
            notifier.send([WorkerWakeup("default")])
            await _until(lambda: redis.llen("puras:tickets:lane-default") == 1)


async def test_wakeups_after_one_without_a_free_process_wait_together(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wake-up is sent for all of them, to a process that has become free meanwhile; other lanes do not wait."""
    monkeypatch.setattr(notifications, "QUEUE_PAUSE_S", 0.5)
    received: list[str] = []
    async with (
        aclosing(RedisNotifier(redis_url)) as notifier,
        listening_for_work(redis_url, received, "a") as process,
    ):
        with closing(Redis.from_url(redis_url)) as redis:
            notifier.send([WorkerWakeup("default")])
            await _until(lambda: redis.llen("puras:tickets:lane-default") == 1)
            notifier.send([FreeWorker(WorkerSlot(process, uuid4()), ["default", "gpu"], is_free=True)])
            for _ in range(5):
                notifier.send([WorkerWakeup("default")])
            notifier.send([WorkerWakeup("gpu")])
            await _until(lambda: bool(received))
            assert received == ["a gpu"]
            await _until(lambda: len(received) == 2)
            notifier.send([WorkerWakeup("default")])
            await _until(lambda: len(received) == 3)
            assert received[1:] == ["a default", "a default"]
            assert redis.llen("puras:tickets:lane-default") == 1


async def test_pauses_grow_while_no_process_is_free(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a second and a half there would be 75 pauses of equal length; doubled there are seven wake-ups at most."""
    monkeypatch.setattr(notifications, "QUEUE_PAUSE_S", 0.02)
    monkeypatch.setattr(notifications, "MAX_QUEUE_PAUSE_S", 10.0)
    with closing(Redis.from_url(redis_url)) as redis:
        async with aclosing(RedisNotifier(redis_url)) as notifier:
            ends_at = time.monotonic() + 1.5
            while time.monotonic() < ends_at:
                notifier.send([WorkerWakeup("default")])
                await asyncio.sleep(0.005)
            assert 3 <= redis.llen("puras:tickets:lane-default") <= 7


async def test_wakeups_that_wait_are_sent_before_the_process_ends(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "QUEUE_PAUSE_S", 60.0)
    with closing(Redis.from_url(redis_url)) as redis:
        async with aclosing(RedisNotifier(redis_url)) as notifier:
            notifier.send([WorkerWakeup("default")])
            await _until(lambda: redis.llen("puras:tickets:lane-default") == 1)
            notifier.send([WorkerWakeup("default")])
        assert redis.llen("puras:tickets:lane-default") == 2


async def test_subscription_that_loses_packets_is_replaced_within_10_s(
    redis_url: str,
) -> None:
    async with aclosing(RedisNotifier(redis_url)) as notifier, subscribe(redis_url) as (proxy, wakeups):
        with wakeups.subscribe(JOB) as subscription:
            await _send_until_received(notifier, subscription, "before")
            before = proxy.accepted
            proxy.stall()
            subscription.deltas()
            await _send_until_received(notifier, subscription, "after")
            assert proxy.accepted > before


async def test_reconnected_subscription_notifies_all_followers(redis_url: str) -> None:
    """Messages that were sent in between are lost, so each follower reads the database again."""
    async with subscribe(redis_url) as (proxy, wakeups):
        with wakeups.subscribe(JOB, only_end=True) as subscription:
            await _wait_until_notified(subscription)
            proxy.cut()
            await _wait_until_notified(subscription)
            assert proxy.accepted >= 2


async def test_process_receives_news_only_while_it_has_followers(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new follower reads the database when the subscription is confirmed, as earlier news are lost."""
    monkeypatch.setattr(wakeups_module, "KEEP_NEWS_S", 0.05)
    async with AsyncRedis.from_url(redis_url) as redis, subscribe(redis_url) as (_, wakeups):

        async def wait_for(count: int) -> None:
            async with asyncio.timeout(10):
                while await _receivers_of_news(redis) != count:  # noqa: ASYNC110 - Redis has no event for it
                    await asyncio.sleep(0.01)

        await _until(lambda: wakeups.is_listening)
        assert await _receivers_of_news(redis) == 0
        for _ in range(2):
            with wakeups.subscribe(JOB, only_end=True) as subscription:
                await _wait_until_notified(subscription)
                assert await _receivers_of_news(redis) == 1
                await redis.publish(WAKE_CHANNEL, f"{JOB} 3 {LAST} ")
                await _wait_until_notified(subscription)
            await wait_for(0)


async def test_request_for_a_directly_started_job_receives_no_news_at_first(redis_url: str) -> None:
    """The job may run elsewhere after the first wait, and its end is not sent directly then."""
    async with AsyncRedis.from_url(redis_url) as redis, subscribe(redis_url) as (_, wakeups):
        await _until(lambda: wakeups.is_listening)
        await _receive_confirmations(redis, wakeups)
        with wakeups.subscribe(JOB, only_end=True) as subscription:
            wakeups.expect_end(JOB)
            await subscription.wait(0.2)
            assert not subscription.has_news()
            assert await _receivers_of_news(redis) == 0
            await redis.publish(f"{END_CHANNEL}{wakeups.process}", f"{JOB} [1]")
            await _wait_until_notified(subscription)
            assert subscription.row == "[1]"
            await _wait_until_notified(subscription)
            assert await _receivers_of_news(redis) == 1


async def test_news_are_sent_only_while_a_process_receives_them(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A follower announces itself, and gets the next news. Without an announcement, it gets them a second later."""
    monkeypatch.setattr(wakeups_module, "KEEP_NEWS_S", 0.05)
    audience, sent = Audience(), MESSAGES_SENT.labels("wake_up")
    async with (
        AsyncRedis.from_url(redis_url) as redis,
        subscribe(redis_url) as (_, followers),
        aclosing(RedisNotifier(redis_url, audience)) as notifier,
        _closing(WakeUpListener(redis, audience=audience)) as own,
    ):
        own.start()
        await _until(lambda: own.is_listening and followers.is_listening)

        async def sends() -> bool:
            before = sent._value.get()
            await notifier.notify([EventNotification(JOB, 1)])
            if notifier._sending is not None:
                await notifier._sending
            return bool(sent._value.get() > before)

        assert await sends(), "it is not known yet that nothing follows"
        assert not await sends()
        with followers.subscribe(JOB) as subscription:
            await _until(lambda: audience.expects_news())
            subscription.has_news()
            assert await sends()
            await _wait_until_notified(subscription)
            assert await sends()
        async with asyncio.timeout(10):
            while audience.expects_news():
                await sends()
        monkeypatch.setattr(audience_module, "ASK_AGAIN_AFTER_S", 0.05)
        audience.note_receivers(0, sent_at=time.monotonic())
        assert not await sends()
        await asyncio.sleep(0.06)
        assert await sends()


def test_news_sent_before_an_announcement_say_nothing_about_receivers_after_it() -> None:
    audience, sent_at = Audience(), time.monotonic()
    audience.note_announcement()
    audience.note_receivers(0, sent_at=sent_at)
    assert audience.expects_news()
    audience.note_receivers(0, sent_at=time.monotonic() + 1)
    assert not audience.expects_news()
    audience.note_receivers(1, sent_at=sent_at)
    assert audience.expects_news()


@asynccontextmanager
async def subscribe(redis_url: str) -> AsyncIterator[tuple[TcpProxy, WakeUpListener]]:
    """Subscribe through a proxy."""
    server = urlsplit(redis_url)
    target = unquote(server.path) if server.scheme == "unix" else (str(server.hostname), server.port or 6379)
    async with tcp_proxy(target) as proxy, AsyncRedis.from_url(f"redis://127.0.0.1:{proxy.port}") as redis:
        wakeups = WakeUpListener(redis)
        wakeups.start()
        try:
            yield proxy, wakeups
        finally:
            await wakeups.close()


@asynccontextmanager
async def listening_for_work(redis_url: str, received: list[str], name: str) -> AsyncIterator[str]:
    """Record the wake-ups of a process, and return its name in Redis."""
    async with AsyncRedis.from_url(redis_url) as redis:
        wakeups = WakeUpListener(redis, on_work=lambda lane, _: received.append(f"{name} {lane}"))
        wakeups.start()
        with wakeups.subscribe(JOB, only_end=True) as subscription:
            await _wait_until_notified(subscription)
        try:
            yield wakeups.process
        finally:
            await wakeups.close()


@asynccontextmanager
async def _closing(wakeups: WakeUpListener) -> AsyncIterator[WakeUpListener]:
    try:
        yield wakeups
    finally:
        await wakeups.close()


async def _receivers_of_news(redis: AsyncRedis) -> int:
    return int(dict(await redis.pubsub_numsub(WAKE_CHANNEL))[WAKE_CHANNEL.encode()])


async def _until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_true():  # noqa: ASYNC110 - neither Redis nor the listener has an event for it
            await asyncio.sleep(0.01)


async def _receive_confirmations(redis: AsyncRedis, wakeups: WakeUpListener) -> None:
    """Wait until the server has confirmed all channels: each confirmation wakes all followers."""
    job = uuid4()
    with wakeups.subscribe(job, only_end=True) as subscription:
        await redis.publish(f"{END_CHANNEL}{wakeups.process}", f"{job} last")
        await _until(lambda: bool(subscription.row))


async def _wait_until_notified(subscription: Subscription) -> None:
    async with asyncio.timeout(10):
        while not subscription.has_news():
            await subscription.wait(0.1)


async def _send_until_received(notifier: RedisNotifier, subscription: Subscription, text: str) -> None:
    """Send messages until one arrives."""
    async with asyncio.timeout(10):
        while not any(text in piece for piece in subscription.deltas()):
            notifier.send([Delta(JOB, 1, text)])
            await subscription.wait(0.1)


def _data(pubsub: Any, count: int) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + 5
    while len(found) < count and time.monotonic() < deadline:
        message = pubsub.get_message(timeout=0.5)
        if message is not None:
            found.append(message["data"])
    return found
