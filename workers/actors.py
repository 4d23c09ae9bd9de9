"""Dramatiq as transport: a broker whose consumer sleeps on the queue list itself, and the actor that a ticket calls.

Dramatiq's own consumer polls with a growing pause, so an idle worker would notice a ticket after half a second.
`BLMOVE q q LEFT LEFT` returns as soon as the list has an element and puts that element back where it was: a doorbell
that keeps ringing until somebody answers, so that no ticket is missed between two looks.
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

from backend.core.notifications import actor_name, client, queue_name

BLOCK_S = 1
"""Longest sleep of the consumer, so that a stop takes no longer."""
DELAYED_SUFFIX = ".DQ"


class WakingConsumer(_RedisConsumer):
    """Fetches when there is something, sleeps inside Redis when there is not."""

    def __init__(self, broker: WakingBroker, queue: str, prefetch: int, timeout: int) -> None:
        super().__init__(broker, queue, prefetch, timeout)
        self._list = f"{broker.namespace}:{queue}"
        self._has_room = threading.Event()
        self._answered: str | None = None
        """The ticket at whose sight the worker was rung already."""
        self._bell = redis.Redis.from_url(
            broker.url, socket_timeout=BLOCK_S + 5, socket_connect_timeout=2, retry=None
        )

    def ack(self, message: Any) -> None:
        """Acknowledge; there is room for another message now."""
        try:
            with _closed_when_away():
                super().ack(message)
        finally:
            self._has_room.set()

    def nack(self, message: Any) -> None:
        """Reject; there is room for another message now."""
        try:
            with _closed_when_away():
                super().nack(message)
        finally:
            self._has_room.set()

    def __next__(self) -> MessageProxy | None:
        with _closed_when_away():
            return self._next()

    def close(self) -> None:
        """Close the sleeping connection."""
        self._bell.close()

    def _next(self) -> MessageProxy | None:
        if not self.message_cache:
            self._has_room.clear()
            room = self.prefetch - self.outstanding_message_count
            if room <= 0:
                self._has_room.wait(BLOCK_S)
                return None
            self._sleep()
            if self._answered is None:
                return None
            self.message_cache = self.broker.do_fetch(self.queue_name, room)
            if not self.message_cache:
                return None  # another process has it
        message = Message.decode(self.message_cache.pop(0))
        self.queued_message_ids.add(message.message_id)
        if message.options["redis_message_id"] == self._answered:
            self.ack(message)
            return None
        return MessageProxy(message)

    def _sleep(self) -> None:
        """Until there is a ticket, and ring at its sight: an idle worker need not wait for its way through Dramatiq."""
        ticket: Any = self._bell.blmove(self._list, self._list, BLOCK_S, "LEFT", "LEFT")
        self._answered = None if ticket is None else ticket.decode()
        if ticket is not None:
            self.broker.ring()


@contextmanager
def _closed_when_away() -> Iterator[None]:
    """Say it as Dramatiq expects it, so that it tries again: a Redis that does not answer in time is away too."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise ConnectionClosed(error) from None


class WakingBroker(RedisBroker):
    """Dramatiq's Redis broker with the waking consumer."""

    def __init__(self, *, url: str, ring: Callable[[], None]) -> None:
        super().__init__(
            client=client(url),
            namespace="puras:tickets",
            middleware=[],
            # Tickets carry nothing that would be missed: what a lost process held is claimed by a sweep.
            maintenance_chance=1_000,
            heartbeat_timeout=60_000,
        )
        self.url = url
        self.ring = ring
        """There may be something to claim."""

    @property
    def consumer_class(self) -> Any:
        """What Dramatiq's worker threads read from."""
        return WakingConsumer


def declare(broker: WakingBroker, lanes: list[str]) -> None:
    """Let tickets of the lanes ring; a ticket never waits for a job."""
    for lane in lanes:
        dramatiq.Actor(
            broker.ring,
            broker=broker,
            actor_name=actor_name(lane),
            queue_name=queue_name(lane),
            priority=0,
            options={"max_retries": 0},
        )
