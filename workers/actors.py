"""Receive wake-up messages with Dramatiq.

The module contains a broker whose consumer blocks on the queue, and the actors that it calls. Dramatiq's own
consumer polls with a growing pause, so an idle worker would notice a message after half a second. `BLMOVE q q
LEFT LEFT` returns as soon as the list has an element and leaves that element in its position, so that no
message is missed between two calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dramatiq
import redis
from dramatiq.broker import MessageProxy
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import ConnectionClosed
from dramatiq.message import Message

from backend.core.notifications import NAMESPACE, actor_name, client, queue_name

BLOCK_S = 1
"""Maximum wait of the consumer, and so of a stop."""


class WakingConsumer(_RedisConsumer):
    """Fetches messages, and blocks in Redis while there are none."""

    def __init__(self, broker: WakingBroker, queue: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue, prefetch, timeout)
        self._list = f"{broker.namespace}:{queue}"
        self._has_capacity = threading.Event()
        self._wakeup_id: str | None = None
        """The message for which the worker was already woken."""
        self._connection = redis.Redis.from_url(
            broker.url, socket_timeout=BLOCK_S + 5, socket_connect_timeout=2, retry=None
        )

    def ack(self, message: Any) -> None:
        """Acknowledge a message, and allow another one."""
        try:
            with _translate_outage():
                super().ack(message)
        finally:
            self._has_capacity.set()

    def nack(self, message: Any) -> None:
        """Reject a message, and allow another one."""
        try:
            with _translate_outage():
                super().nack(message)
        finally:
            self._has_capacity.set()

    def __next__(self) -> MessageProxy | None:
        with _translate_outage():
            return self._next()

    def close(self) -> None:
        """Close the blocking connection."""
        self._connection.close()

    def _next(self) -> MessageProxy | None:
        if not self.message_cache:
            self._has_capacity.clear()
            capacity = self.prefetch - self.outstanding_message_count
            if capacity <= 0:
                self._has_capacity.wait(BLOCK_S)
                return None
            self._sleep()
            if self._wakeup_id is None:
                return None
            self.message_cache = self.broker.do_fetch(self.queue_name, capacity)
            if not self.message_cache:
                return None  # another process has it
        message = Message.decode(self.message_cache.pop(0))
        self.queued_message_ids.add(message.message_id)
        if message.options["redis_message_id"] == self._wakeup_id:
            self.ack(message)
            return None
        return MessageProxy(message)

    def _sleep(self) -> None:
        """Wait for a message and wake the worker immediately, before Dramatiq processes the message."""
        wakeup: Any = self._connection.blmove(self._list, self._list, BLOCK_S, "LEFT", "LEFT")
        self._wakeup_id = None if wakeup is None else wakeup.decode()
        if wakeup is not None:
            self.broker.wake()


@contextmanager
def _translate_outage() -> Iterator[None]:
    """Raise the error that Dramatiq retries, also if Redis does not respond in time."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise ConnectionClosed(error) from None


class WakingBroker(RedisBroker):
    """Dramatiq's Redis broker with the blocking consumer."""

    def __init__(self, *, url: str, wake: Callable[[], None]) -> None:
        super().__init__(
            client=client(url),
            namespace=NAMESPACE,
            middleware=[],
            # Messages carry no data: a sweep claims what a lost process held.
            maintenance_chance=1_000,
            heartbeat_timeout=60_000,
        )
        self.url = url
        self.wake = wake
        """Called when there may be something to claim."""

    @property
    def consumer_class(self) -> Any:
        """The consumer of Dramatiq's worker threads."""
        return WakingConsumer


def declare(broker: WakingBroker, lanes: list[str]) -> None:
    """Declare the actors of the lanes, which wake the supervisor."""
    for lane in lanes:
        dramatiq.Actor(
            broker.wake,
            broker=broker,
            actor_name=actor_name(lane),
            queue_name=queue_name(lane),
            priority=0,
            options={"max_retries": 0},
        )
