"""Send notifications over Redis: wake-ups of workers and followers, cancellations, parts of replies.

A unit of work enqueues messages on its session (`note`); `ship` sends them after the commit. The database remains the
only source of truth. An unavailable Redis never fails a request: without messages workers claim once per sweep, and
followers read the database once a second.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import redis
from dramatiq import Message as Envelope
from dramatiq.brokers.redis import RedisBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.core import logs
from backend.core.metrics.instruments import MESSAGES_SENT, REDIS_FAILURES

log = logs.get(__name__)

WAKE_CHANNEL = "puras:wake"
"""Pub/sub channel of new events, each `<job ID> <seq of its newest event>`, followed by ` end` for the last event."""
LAST = "end"
CANCEL_CHANNEL = "puras:cancel"
"""Pub/sub channel of the IDs of jobs to cancel."""
DELTA_CHANNEL = "puras:delta"
"""Pub/sub channel of parts of replies, each `<job ID> <JSON>`."""
RESPONSE_TIMEOUT_S = 0.5
"""A Redis that has not responded after this time counts as unavailable."""
MAX_PENDING = 1_000
"""Maximum messages that wait for a slow Redis. Further ones are dropped, since sweeps make up for them."""
RETRY_AFTER_S = 1.0
"""After a failure Redis is not used for this time, so that its outage does not slow down requests."""


@dataclass(frozen=True, slots=True)
class WorkerWakeup:
    """Wakes a worker of a lane, because a job may be ready."""

    lane: str


@dataclass(frozen=True, slots=True)
class EventNotification:
    """Notifies followers that a job has events up to `seq`."""

    job_id: UUID
    seq: int
    is_last: bool = False
    """Whether the job has ended."""


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Notifies the worker that runs a job to cancel it."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class Delta:
    """A part of a reply in progress; it is not stored, so only current subscribers receive it."""

    job_id: UUID
    step: int
    text: str
    is_restart: bool = False
    """Whether the reply starts again: its earlier parts are not valid any more."""

    def as_body(self) -> str:
        """Return the part in the form that followers receive."""
        fields = {"job_id": str(self.job_id), "step": self.step, "text": self.text}
        return json.dumps({**fields, "restart": True} if self.is_restart else fields)


Message = WorkerWakeup | EventNotification | CancelCall | Delta


class Notifier(Protocol):
    """Sender of messages; each process sets one with `use`."""

    async def notify(self, messages: Iterable[Message]) -> None:
        """Send all messages; never raises an error when Redis is unavailable."""

    def send(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting, from synchronous code."""


_notifier: Notifier | None = None


def use(notifier: Notifier | None) -> None:
    """Set the notifier of this process."""
    global _notifier
    _notifier = notifier


class UnitOfWork(Protocol):
    """A session that stores messages until it has committed."""

    @property
    def info(self) -> dict[Any, Any]:
        """Storage of the messages."""


def note(session: UnitOfWork, *messages: Message) -> None:
    """Enqueue messages to send when the session's unit of work has committed."""
    session.info.setdefault("outbox", []).extend(messages)


async def send_enqueued(session: UnitOfWork) -> None:
    """Send the messages of the committed unit of work."""
    messages: list[Message] = session.info.pop("outbox", [])
    if messages and _notifier is not None:
        await _notifier.notify(messages)


def send_now(message: Message) -> None:
    """Send a message immediately, outside of a unit of work."""
    if _notifier is not None:
        _notifier.send([message])


def queue_name(lane: str) -> str:
    """Return the name of the Dramatiq queue for the wake-ups of a lane."""
    return f"lane-{lane}"


def actor_name(lane: str) -> str:
    """Return the name of the Dramatiq actor that handles the wake-ups of a lane."""
    return f"claim-{lane}"


def client(redis_url: str) -> redis.Redis:
    """Return a client that treats an unresponsive Redis as unavailable, and renews closed connections."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=RESPONSE_TIMEOUT_S,
        socket_connect_timeout=RESPONSE_TIMEOUT_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


class RedisNotifier:
    """Sends messages over Redis from a separate thread, so that a slow Redis never blocks the event loop."""

    def __init__(self, redis_url: str) -> None:
        self._client = client(redis_url)
        self._broker = RedisBroker(client=self._client, namespace="puras:tickets")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="notifier")
        self._unavailable_until = 0.0
        self._pending: list[Message] = []
        self._is_sending = False

    async def notify(self, messages: Iterable[Message]) -> None:
        """Enqueue all messages without waiting for Redis; wake-ups of workers are sent first and deduplicated."""
        self.send(messages)

    def send(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting, from synchronous code."""
        if time.monotonic() < self._unavailable_until or len(self._pending) >= MAX_PENDING:
            return
        self._pending.extend(messages)
        if self._pending and not self._is_sending:
            self._send_batch()

    def close(self) -> None:
        """Send pending messages, stop the thread and close the connections."""
        self._thread.shutdown(wait=True)
        rest, self._pending = self._pending, []
        self._send(rest)
        self._client.close()

    def _send_batch(self) -> None:
        """Pass all pending messages to the thread; messages that arrive meanwhile form the next batch."""
        self._is_sending = True
        batch, self._pending = self._pending, []
        sent = asyncio.get_running_loop().run_in_executor(self._thread, self._send, batch)
        sent.add_done_callback(self._is_sent)

    def _is_sent(self, sent: asyncio.Future[None]) -> None:
        self._is_sending = False
        if not sent.cancelled() and (error := sent.exception()) is not None:
            log.error("notification not sent", error=repr(error))
        if self._pending:
            self._send_batch()

    def _send(self, messages: list[Message]) -> None:
        if time.monotonic() < self._unavailable_until:
            return  # an earlier batch has found Redis unavailable
        wakeups = dict.fromkeys(message for message in messages if isinstance(message, WorkerWakeup))
        others = (message for message in messages if not isinstance(message, WorkerWakeup))
        try:
            for message in (*wakeups, *others):
                self._send_one(message)
        except redis.RedisError as error:
            self._unavailable_until = time.monotonic() + RETRY_AFTER_S
            REDIS_FAILURES.inc()
            log.warning("redis unavailable; jobs start with the next sweep", error=str(error))

    def _send_one(self, message: Message) -> None:
        match message:
            case WorkerWakeup(lane):
                self._broker.declare_queue(queue_name(lane))
                self._broker.enqueue(_envelope(lane))
                MESSAGES_SENT.labels("ticket").inc()
            case EventNotification(job_id, seq, is_last):
                self._client.publish(WAKE_CHANNEL, f"{job_id} {seq} {LAST if is_last else ''}")
                MESSAGES_SENT.labels("wake_up").inc()
            case CancelCall(job_id):
                self._client.publish(CANCEL_CHANNEL, str(job_id))
                MESSAGES_SENT.labels("cancel").inc()
            case Delta(job_id):
                self._client.publish(DELTA_CHANNEL, f"{job_id} {message.as_body()}")
                MESSAGES_SENT.labels("delta").inc()


def _envelope(lane: str) -> Envelope[Any]:
    return Envelope(queue_name=queue_name(lane), actor_name=actor_name(lane), args=(), kwargs={}, options={})
