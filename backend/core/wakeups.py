"""Subscribe to notifications in Redis once per process, and pass each to the followers of its job.

News of events are sent to all processes that have followers. Most workers have none, nor has an API process whose
requests wait only for jobs that it has started directly: it alone is sent their ends. While no process has followers,
no news are sent (`audience`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any
from uuid import UUID, uuid4

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from backend.core import background_tasks, logs, partial_replies
from backend.core.audience import Audience
from backend.core.notifications import (
    CANCEL_CHANNEL,
    DELTA_CHANNEL,
    END_CHANNEL,
    FOLLOWED_CHANNEL,
    LAST,
    SUBJOB_CHANNEL,
    WAKE_CHANNEL,
    WORK_CHANNEL,
)

log = logs.get(__name__)

RECONNECT_S = 0.5
PING_EVERY_S = 2.5
MAX_SILENCE_S = 2 * PING_EVERY_S
"""A subscription that receives nothing for this long, not even the reply to a ping, is replaced."""
KEEP_NEWS_S = 5.0
"""Time for which a process without followers still receives news, since the next request may wait for a job."""
ANNOUNCED_AFTER_S = 0.05
"""Time after which all processes know that this one receives news."""
MAX_DELTAS = 1_000
"""Maximum pending parts of replies of one slow follower; older ones are dropped, as an event has the complete reply."""


class Subscription:
    """Subscription of one follower to a job; several notifications before the next `wait` count as one."""

    def __init__(self, *, only_end: bool, follow: Callable[[Subscription], None] | None = None) -> None:
        """Subscribe to everything, or only to the last event.

        Args:
            only_end: Whether to wait only for the last event.
            follow: Called before a wait that needs news of events.
        """
        self._follow = follow
        self.is_end_direct = False
        """Whether the process that runs the job is going to notify this one directly: no news are needed until then."""
        self._event = asyncio.Event()
        self._only_end = only_end
        self._deltas: deque[str] = deque(maxlen=MAX_DELTAS)
        self._has_news = False
        self.row = ""
        """The row of the ended job, if one was sent with its last event."""

    def notify(self, *, is_last: bool, row: str = "") -> None:
        """Wake the follower, unless it waits only for the last event and this is not the last."""
        self.row = row or self.row
        if is_last or not self._only_end:
            self._has_news = True
            self._event.set()

    def end(self, row: str) -> None:
        """Wake the follower, with the row of the job if that has ended, if it waits only for the end."""
        self.is_end_direct = False
        if self._only_end:
            self.notify(is_last=True, row=row)

    def add_delta(self, delta: str) -> None:
        """Pass on a part of a reply in progress."""
        if not self._only_end:
            self._deltas.append(delta)
            self._event.set()

    def deltas(self) -> list[str]:
        """Return the parts since the last call, each as JSON."""
        deltas = list(self._deltas)
        self._deltas.clear()
        return deltas

    def has_news(self) -> bool:
        """Return whether there were events, and not only parts of a reply, since the last call."""
        has_news, self._has_news = self._has_news, False
        return has_news

    async def wait(self, timeout_s: float) -> None:
        """Wait for the next notification, but at most for the timeout."""
        if not self._event.is_set():
            if self._follow is not None and not self.is_end_direct:
                self._follow(self)
            try:
                async with asyncio.timeout(timeout_s):
                    await self._event.wait()
            except TimeoutError:
                self.is_end_direct = False  # the job may run elsewhere by now
        self._event.clear()


class WakeUpListener:
    """Subscription of this process, which reconnects after outages of Redis until it is closed."""

    def __init__(
        self,
        redis: Redis,
        on_cancel: Callable[[UUID], None] | None = None,
        on_work: Callable[[str, str], None] | None = None,
        on_subjob: Callable[[UUID], None] | None = None,
        audience: Audience | None = None,
    ) -> None:
        """Prepare the subscription.

        Args:
            redis: The server.
            on_cancel: For workers: called with the ID of each job that is to be canceled.
            on_work: For workers: called with a lane in which a job may be ready for this process, and the job if it has
                been started for it, otherwise an empty text.
            on_subjob: For workers: called with the ID of each job that has called another job.
            audience: Learns which processes receive news. None: nothing else needs to know it.
        """
        self._audience = audience or Audience()
        self.process = uuid4().hex
        """Name of this process in its channel of wake-ups."""
        self._redis = redis
        self._on_work = on_work
        # Each receives a message in two parts, divided by its first space.
        self._own_channels = {
            f"{WORK_CHANNEL}{self.process}": self.receive_work,
            f"{END_CHANNEL}{self.process}": self.receive_end,
            FOLLOWED_CHANNEL: lambda *_: self._audience.note_announcement(),
            **({CANCEL_CHANNEL: _with_job_id(on_cancel)} if on_cancel else {}),
            **({SUBJOB_CHANNEL: _with_job_id(on_subjob)} if on_subjob else {}),
        }
        self._news_channels = {
            WAKE_CHANNEL: self._receive_news,
            **({} if on_cancel else {DELTA_CHANNEL: self._receive_delta}),
        }
        self._receivers: dict[str, Callable[[str, str], None]] = {**self._own_channels, **self._news_channels}
        """By channel."""
        self._subscriptions: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._followers: set[Subscription] = set()
        """The subscriptions that need news of events."""
        self._has_new_follower = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._announcement: asyncio.Task[None] | None = None
        self.is_listening = False
        """Whether messages arrive. While they do not, followers read the database."""

    def start(self) -> None:
        """Start listening in the background."""
        self._task = asyncio.create_task(self._listen(), name="wakeups")

    async def close(self) -> None:
        """Stop listening."""
        for task in (self._task, self._announcement):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    @contextlib.contextmanager
    def subscribe(self, job_id: UUID, *, only_end: bool = False) -> Iterator[Subscription]:
        """Subscribe to all events of the job, or only to its last; subscribe before you read the database.

        With the ID of a project, subscribe to the changes of the status of its jobs.
        """
        subscription, job = Subscription(only_end=only_end, follow=self._follow), str(job_id)
        self._subscriptions[job].add(subscription)
        if not only_end:
            self._follow(subscription)
        try:
            yield subscription
        finally:
            subscriptions = self._subscriptions[job]
            subscriptions.discard(subscription)
            self._followers.discard(subscription)
            if not subscriptions:
                del self._subscriptions[job]

    def receive_work(self, lane: str, started: str) -> None:
        """Pass on a lane in which a job may be ready for this process, and the job if it was started for it."""
        if self._on_work is not None:
            self._on_work(lane, started)

    def expect_end(self, job_id: UUID) -> None:
        """Let the requests that wait for the end of a job do so without news: it is going to be sent directly."""
        for subscription in self._subscriptions.get(str(job_id), ()):
            subscription.is_end_direct = True

    def receive_end(self, job: str, row: str) -> None:
        """Wake the requests that wait for the end of a job, since an attempt has ended; others receive news of events.

        Args:
            job: The ID of the job.
            row: The row of the job; empty: the requests read the database, and receive news if the job continues.
        """
        for subscription in self._subscriptions.get(job, ()):
            subscription.end(row)

    async def partial_reply(self, job_id: UUID) -> partial_replies.PartialReply | None:
        """Return the text so far of the reply that a job is receiving; none if it is not available."""
        return await partial_replies.read(self._redis, job_id)

    def _follow(self, subscription: Subscription) -> None:
        """Receive news, for a subscription that needs them."""
        if subscription not in self._followers:
            self._followers.add(subscription)
            self._has_new_follower.set()

    async def _listen(self) -> None:
        while True:
            with background_tasks.log_and_continue("wake-ups"):
                try:
                    await self._subscribed()
                except (RedisError, OSError) as error:
                    why = str(error) or "no reply in time"
                    log.warning("notifications unavailable; followers poll once a second", error=why)
            await asyncio.sleep(RECONNECT_S)

    async def _subscribed(self) -> None:
        """Pass on messages until the subscription ends.

        Raises:
            RedisError: Redis is unavailable.
            OSError: The same, or it sent nothing for too long: a network that drops packets closes no connection.
        """
        async with self._redis.pubsub() as subscription:
            async with asyncio.timeout(MAX_SILENCE_S) as silence:
                await subscription.subscribe(*self._own_channels)
                news = self._receive_news_while_followed(subscription)
                async with _running(_ping(subscription)), _running(news), self._listening():
                    async for message in subscription.listen():
                        silence.reschedule(asyncio.get_running_loop().time() + MAX_SILENCE_S)
                        if message["type"] == "message":
                            self._dispatch(message["channel"].decode(), message["data"])
                        elif message["type"] == "subscribe":  # also after the library has connected again
                            self._note_subscription(message["channel"].decode())

    async def _receive_news_while_followed(self, subscription: PubSub) -> None:
        """Subscribe to news when there is a follower, and end this when there has been none for a while.

        Followers read the database when Redis confirms the subscription, so they miss nothing that was sent before.
        """
        while True:
            if not self._followers:
                await self._has_new_follower.wait()
            if not _is_connected(subscription):  # the reader connects again
                await asyncio.sleep(RECONNECT_S)
                continue
            with background_tasks.log_and_continue("news"), contextlib.suppress(RedisError, OSError):
                await subscription.subscribe(*self._news_channels)
                while self._followers or self._has_new_follower.is_set():
                    self._has_new_follower.clear()
                    await asyncio.sleep(KEEP_NEWS_S)
                await subscription.unsubscribe(*self._news_channels)
                continue
            await asyncio.sleep(RECONNECT_S)

    @contextlib.asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        self.is_listening = True
        try:
            yield
        finally:
            self.is_listening = False

    def _note_subscription(self, channel: str) -> None:
        """Let all followers read the database, and announce that this process receives news."""
        self._notify_all()
        self._audience.note_announcement()  # of others, which this process may have missed
        if channel == WAKE_CHANNEL:
            if self._announcement is not None:
                self._announcement.cancel()
            self._announcement = asyncio.create_task(self._announce(), name="announcement")

    async def _announce(self) -> None:
        """Let other processes send news to this one, and then all followers read the database.

        If this fails, followers read it once a second, until another process has tried to send news.
        """
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(PING_EVERY_S):
                await self._redis.publish(FOLLOWED_CHANNEL, self.process)
            await asyncio.sleep(ANNOUNCED_AFTER_S)
            self._notify_all()

    def _notify_all(self) -> None:
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.notify(is_last=True)

    def _dispatch(self, channel: str, data: bytes) -> None:
        first, _, rest = data.decode(errors="replace").partition(" ")
        self._receivers[channel](first, rest)

    def _receive_news(self, job: str, rest: str) -> None:
        position, last, row = f"{rest}  ".split(" ", 2)
        for subscription in self._subscriptions.get(job, ()):
            subscription.notify(is_last=last == LAST, row=row.strip())
        for subscription in self._subscriptions.get(position.partition("@")[2], ()):
            subscription.notify(is_last=False)

    def _receive_delta(self, job: str, delta: str) -> None:
        for subscription in self._subscriptions.get(job, ()):
            subscription.add_delta(delta)


def _with_job_id(receive: Callable[[UUID], None]) -> Callable[[str, str], None]:
    def receive_text(job: str, _: str) -> None:
        try:
            job_id = UUID(job)
        except ValueError:
            return  # not a message of this application
        receive(job_id)

    return receive_text


@contextlib.asynccontextmanager
async def _running(background: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run a coroutine in the background of the block."""
    task = asyncio.create_task(background)
    try:
        yield
    finally:
        task.cancel()


def _is_connected(subscription: PubSub) -> bool:
    connection = subscription.connection
    return connection is not None and connection.is_connected


async def _ping(subscription: PubSub) -> None:
    """Send a ping every few seconds, so that the server has something to send; the reader waits for the replies."""
    while True:
        await asyncio.sleep(PING_EVERY_S)
        if _is_connected(subscription):  # else the reader connects again
            with contextlib.suppress(RedisError, OSError):
                async with asyncio.timeout(PING_EVERY_S):
                    await subscription.ping()
