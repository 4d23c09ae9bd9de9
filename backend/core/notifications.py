"""Redis as a doorbell: tickets that wake workers, wake-ups that tell followers. Nothing here is ever the truth.

A unit of work only *notes* messages on its session; `ship` sends them after the commit. A Redis that is away never
fails a request: workers claim once per sweep without a ticket, and followers re-read once a second.
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
"""Pub/sub channel of wake-ups, each `<job id> <seq of its newest event>`, with ` end` behind the last one."""
LAST = "end"
CANCEL_CHANNEL = "puras:cancel"
"""Pub/sub channel of job ids whose processes are to end."""
DELTA_CHANNEL = "puras:delta"
"""Pub/sub channel of replies as they come, each piece `<job id> <JSON>`."""
ANSWER_S = 0.5
"""A Redis that has not answered by then is taken for away."""
MAX_WAITING = 1_000
"""Rings that wait for a slow Redis; more are not sent, since a sweep finds what they would have told."""
AWAY_S = 1.0
"""After a failure Redis is left alone for this long, so that its absence costs requests nothing."""


@dataclass(frozen=True, slots=True)
class WorkerWakeup:
    """Rings a worker of a lane: there may be something to claim."""

    lane: str


@dataclass(frozen=True, slots=True)
class EventNotification:
    """Tells followers that a job has events up to `seq`."""

    job_id: UUID
    seq: int
    is_last: bool = False
    """The job has ended."""


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Tells the worker that runs a job to end it."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a reply as it comes; it is stored nowhere, and missed by whoever does not listen."""

    job_id: UUID
    step: int
    text: str
    is_restart: bool = False
    """The reply begins anew: what was told of it is not part of it."""

    def as_body(self) -> str:
        """The piece as followers are sent it."""
        facts = {"job_id": str(self.job_id), "step": self.step, "text": self.text}
        return json.dumps({**facts, "restart": True} if self.is_restart else facts)


Message = WorkerWakeup | EventNotification | CancelCall | Delta


class Notifier(Protocol):
    """What ships messages; each process sets one with `use`."""

    async def ring(self, messages: Iterable[Message]) -> None:
        """Send all of them; never raises for a Redis that is away."""

    def send(self, messages: Iterable[Message]) -> None:
        """The same, from where nobody can wait."""


_doorbell: Notifier | None = None


def use(doorbell: Notifier | None) -> None:
    """Set the doorbell of this process."""
    global _doorbell
    _doorbell = doorbell


class UnitOfWork(Protocol):
    """What remembers messages until it has committed."""

    @property
    def info(self) -> dict[Any, Any]:
        """Room for them."""


def note(session: UnitOfWork, *messages: Message) -> None:
    """Remember messages until the session's unit of work has committed."""
    session.info.setdefault("outbox", []).extend(messages)


async def ship(session: UnitOfWork) -> None:
    """Send what the committed unit of work has noted."""
    messages: list[Message] = session.info.pop("outbox", [])
    if messages and _doorbell is not None:
        await _doorbell.ring(messages)


def tell(message: Message) -> None:
    """Send something at once that no unit of work stands behind."""
    if _doorbell is not None:
        _doorbell.send([message])


def queue_name(lane: str) -> str:
    """Name of the Dramatiq queue that carries a lane's tickets."""
    return f"lane-{lane}"


def actor_name(lane: str) -> str:
    """Name of the Dramatiq actor that a lane's ticket calls."""
    return f"claim-{lane}"


def client(redis_url: str) -> redis.Redis:
    """A client for which a Redis that is frozen is as away as one that is gone; a connection it has cut is renewed."""
    return redis.Redis.from_url(
        redis_url,
        socket_timeout=ANSWER_S,
        socket_connect_timeout=ANSWER_S,
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )


class RedisNotifier:
    """Rings over Redis from one thread of its own, so that a slow Redis never holds up the event loop."""

    def __init__(self, redis_url: str) -> None:
        self._client = client(redis_url)
        self._broker = RedisBroker(client=self._client, namespace="puras:tickets")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="doorbell")
        self._away_until = 0.0
        self._waiting: list[Message] = []
        self._is_sending = False

    async def ring(self, messages: Iterable[Message]) -> None:
        """Have all of them sent soon, tickets first and each once; nobody waits for Redis."""
        self.send(messages)

    def send(self, messages: Iterable[Message]) -> None:
        """The same, from where nobody can wait."""
        if time.monotonic() < self._away_until or len(self._waiting) >= MAX_WAITING:
            return
        self._waiting.extend(messages)
        if self._waiting and not self._is_sending:
            self._hand_over()

    def close(self) -> None:
        """Send what still waits, let the thread end and close the connections."""
        self._thread.shutdown(wait=True)
        left, self._waiting = self._waiting, []
        self._send(left)
        self._client.close()

    def _hand_over(self) -> None:
        """Give the thread all that waits: what comes while it sends goes out together."""
        self._is_sending = True
        batch, self._waiting = self._waiting, []
        sent = asyncio.get_running_loop().run_in_executor(self._thread, self._send, batch)
        sent.add_done_callback(self._is_sent)

    def _is_sent(self, sent: asyncio.Future[None]) -> None:
        self._is_sending = False
        if not sent.cancelled() and (fault := sent.exception()) is not None:
            log.error("a ring was not sent", error=repr(fault))
        if self._waiting:
            self._hand_over()

    def _send(self, messages: list[Message]) -> None:
        if time.monotonic() < self._away_until:
            return  # those who rang before these have found out
        tickets = dict.fromkeys(message for message in messages if isinstance(message, WorkerWakeup))
        others = (message for message in messages if not isinstance(message, WorkerWakeup))
        try:
            for message in (*tickets, *others):
                self._send_one(message)
        except redis.RedisError as error:
            self._away_until = time.monotonic() + AWAY_S
            REDIS_FAILURES.inc()
            log.warning("redis does not answer; jobs start with the next sweep", error=str(error))

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
