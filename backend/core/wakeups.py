"""One subscription per process to what Redis rings; hands each ring to whoever waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from backend.core import background_tasks, logs
from backend.core.notifications import CANCEL_CHANNEL, DELTA_CHANNEL, LAST, WAKE_CHANNEL

log = logs.get(__name__)

RECONNECT_S = 0.5
PING_EVERY_S = 2.5
MAX_SILENCE_S = 2 * PING_EVERY_S
"""A subscription that receives nothing for this long, not even the reply to a ping, is replaced."""
MAX_DELTAS = 1_000
"""Pieces that wait for one slow follower; older ones are dropped, since the whole reply comes as an event."""


class Bell:
    """Rings when a job has news; a level, not a queue: ten rings while nobody waits are one."""

    def __init__(self, *, only_end: bool) -> None:
        self._event = asyncio.Event()
        self._only_end = only_end
        self._deltas: deque[str] = deque(maxlen=MAX_DELTAS)
        self._has_news = False

    def ring(self, *, is_last: bool) -> None:
        """Wake the one who waits, unless it waits for the end and this is not it."""
        if is_last or not self._only_end:
            self._has_news = True
            self._event.set()

    def bring(self, delta: str) -> None:
        """Hand over a piece of a reply as it comes."""
        if not self._only_end:
            self._deltas.append(delta)
            self._event.set()

    def deltas(self) -> list[str]:
        """The pieces that came since they were last asked for, each as JSON."""
        taken = list(self._deltas)
        self._deltas.clear()
        return taken

    def has_news(self) -> bool:
        """Whether it rang for more than pieces of a reply, since it was last asked."""
        has_news, self._has_news = self._has_news, False
        return has_news

    async def wait(self, timeout_s: float) -> None:
        """Return at the next ring, or after the timeout, whichever is first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        self._event.clear()


class WakeUps:
    """Listens until it is closed, through any absence of Redis."""

    def __init__(self, redis: Redis, on_cancel: Callable[[UUID], None] | None = None) -> None:
        self._redis = redis
        self._on_cancel = on_cancel
        self._bells: defaultdict[str, set[Bell]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen in the background."""
        self._task = asyncio.create_task(self._listen(), name="wakeups")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def bell(self, job_id: UUID, *, only_end: bool = False) -> Iterator[Bell]:
        """A bell that rings with every wake-up of the job, or with its last. Take it before you read."""
        bell, job = Bell(only_end=only_end), str(job_id)
        self._bells[job].add(bell)
        try:
            yield bell
        finally:
            bells = self._bells[job]
            bells.discard(bell)
            if not bells:
                del self._bells[job]

    async def _listen(self) -> None:
        while True:
            with background_tasks.log_and_continue("wake-ups"):
                try:
                    await self._subscribed()
                except (RedisError, OSError) as error:
                    why = str(error) or "no reply in time"
                    log.warning("wake-ups are away; followers re-read once a second", error=why)
            await asyncio.sleep(RECONNECT_S)

    async def _subscribed(self) -> None:
        """Hand out messages until the subscription ends.

        Raises:
            RedisError: Redis is unavailable.
            OSError: The same, or it sent nothing for too long: a network that drops packets closes no connection.
        """
        async with self._redis.pubsub() as subscription:
            channels = [WAKE_CHANNEL, DELTA_CHANNEL if self._on_cancel is None else CANCEL_CHANNEL]
            async with asyncio.timeout(MAX_SILENCE_S) as silence:
                await subscription.subscribe(*channels)
                async with _running(_ping(subscription)):
                    async for message in subscription.listen():
                        silence.reschedule(asyncio.get_running_loop().time() + MAX_SILENCE_S)
                        if message["type"] == "message":
                            self._hand_out(message["channel"], message["data"])
                        elif message["type"] == "subscribe":  # also after the library has connected again
                            self._ring_all()

    def _ring_all(self) -> None:
        for bells in self._bells.values():
            for bell in bells:
                bell.ring(is_last=True)

    def _hand_out(self, channel: bytes, data: bytes) -> None:
        try:
            job, _, rest = data.decode("ascii").partition(" ")
            if channel.decode() == CANCEL_CHANNEL and self._on_cancel is not None:
                self._on_cancel(UUID(job))
                return
        except ValueError:
            return  # not one of ours
        for bell in self._bells.get(job, ()):
            if channel.decode() == DELTA_CHANNEL:
                bell.bring(rest)
            else:
                bell.ring(is_last=LAST in rest.split())


@contextlib.asynccontextmanager
async def _running(background: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine in the background of the block."""
    task = asyncio.create_task(background)
    try:
        yield
    finally:
        task.cancel()


async def _ping(subscription: PubSub) -> None:
    """Send a ping every few seconds, so that the server has something to send; the reader waits for the replies."""
    while True:
        await asyncio.sleep(PING_EVERY_S)
        connection = subscription.connection
        if connection is not None and connection.is_connected:  # else the reader connects again
            with contextlib.suppress(RedisError, OSError):
                async with asyncio.timeout(PING_EVERY_S):
                    await subscription.ping()
