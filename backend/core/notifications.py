"""Send notifications over Redis: wake-ups of workers and followers, cancellations, parts of replies.

A unit of work enqueues messages on its session (`note`); `send_enqueued` sends them after the commit. The database
remains the only source of truth. An unavailable Redis never fails a request: without messages workers claim once per
sweep, and followers read the database once a second.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol
from uuid import UUID, uuid5

import redis
from dramatiq import Message as Envelope
from dramatiq.brokers.redis import RedisBroker
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from backend.core import logs, partial_replies
from backend.core.audience import Audience
from backend.core.metrics.instruments import MESSAGES_SENT, REDIS_FAILURES
from backend.core.version import version

log = logs.get(__name__)

_WAKE_WORKER: Final = """
for _ = 1, redis.call('LLEN', KEYS[1]) do
  local process = redis.call('LMOVE', KEYS[1], KEYS[1], 'LEFT', 'RIGHT')
  if redis.call('PUBLISH', ARGV[1] .. process, ARGV[2]) > 0 then return 1 end
  redis.call('LREM', KEYS[1], 0, process)
end
return 0
"""
"""Wake the next free worker of a lane. A process that does not listen any more has ended, and leaves the list."""

WAKE_CHANNEL = "puras:wake"
"""Pub/sub channel of new events, each `<job ID> <seq of its newest event>`, followed by ` end` for the last event.

The row of an ended job may follow. If the status of the job has changed, `@<project ID>` follows the number."""
LAST = "end"
CANCEL_CHANNEL = "puras:cancel"
"""Pub/sub channel of the IDs of jobs to cancel."""
END_CHANNEL = "puras:end:"
"""Start of the pub/sub channel of a process that has started jobs directly. It receives the ends of their first
attempts, each `<job ID> <row>`."""
FOLLOWED_CHANNEL = "puras:followed"
"""Pub/sub channel on which a process announces that it receives news of events from now on."""
SUBJOB_CHANNEL = "puras:subjob"
"""Pub/sub channel of the IDs of running jobs that have called a job."""
DELTA_CHANNEL = "puras:delta"
"""Pub/sub channel of parts of replies, each `<job ID> <JSON>`."""
WORK_CHANNEL = "puras:work:"
"""Start of the pub/sub channel of a worker process. It receives lanes in which jobs may be ready, each alone or
followed by the ID of the worker and a job that was started for it."""
NAMESPACE = "puras:tickets"
"""Namespace of the Dramatiq queues."""
RESPONSE_TIMEOUT_S = 0.5
"""A Redis that has not responded after this time counts as unavailable."""
SEND_TIMEOUT_S = 2.0
"""The same for messages, for which no request waits. It is longer than the event loop of a busy process may be blocked:
the time also runs out if the response has arrived and was not read yet."""
MAX_PENDING = 1_000
"""Maximum messages that wait for a slow Redis. Further ones are dropped, since sweeps make up for them."""
SLOTS_EXPIRE_S = 10
"""Slots of which no worker process reports any more are deleted; processes report every two seconds."""
NO_SLOTS_PAUSE_S = 0.02
"""After no slot was found, none is searched for this time, since all workers are probably busy."""
QUEUE_PAUSE_S = 0.02
"""After a wake-up has found no free process, further ones of its lane wait together for this time: all workers are
busy, and each looks for the next job when one of its jobs ends. As long as this continues, each pause is twice the
length of the one before."""
MAX_QUEUE_PAUSE_S = 0.16
"""The longest of these pauses: a worker that has found no job just before one was stored may wait for its end."""
RETRY_AFTER_S = 1.0
"""After a failure Redis is not used for this time, so that its outage does not slow down requests."""


@dataclass(frozen=True, slots=True)
class WorkerWakeup:
    """Wakes a worker of a lane, because a job may be ready."""

    lane: str


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """A free slot of a worker process, which is taken for one job."""

    process: str
    """Name of the process in its channel."""
    worker_id: UUID


@dataclass(frozen=True, slots=True)
class StartedJob:
    """Sends a worker process a job that was started in its slot."""

    slot: WorkerSlot
    lane: str
    job_id: UUID
    job: str
    """The attempt as JSON."""


@dataclass(frozen=True, slots=True)
class EventNotification:
    """Notifies followers that a job has events up to `seq`."""

    job_id: UUID
    seq: int
    is_last: bool = False
    """Whether the job has ended."""
    row: str = ""
    """The row of an ended job that was not started directly, for the request that waits for it; empty: it reads the
    database."""
    project_id: UUID | None = None
    """The project of the job, if its status has changed, for those who follow the list of jobs."""


@dataclass(frozen=True, slots=True)
class EndedAttempt:
    """Notifies the process that has started a job directly that the attempt has ended."""

    process: str
    job_id: UUID
    row: str = ""
    """The row of the ended job; empty: it is too large, or the job continues in another attempt."""


@dataclass(frozen=True, slots=True)
class CancelCall:
    """Notifies the worker that runs a job to cancel it."""

    job_id: UUID


@dataclass(frozen=True, slots=True)
class SubjobWakeup:
    """Wakes the worker that runs a job, because a subjob of it waits: no other worker may claim that."""

    parent_id: UUID


@dataclass(frozen=True, slots=True)
class Delta:
    """A part of a reply in progress. The text so far is kept until the reply is complete, but no event has it."""

    job_id: UUID
    step: int
    text: str
    is_restart: bool = False
    """Whether the reply starts again: its earlier parts are not valid any more."""
    is_last: bool = False
    """Whether the reply is complete, or was aborted."""
    reply: str = ""
    """Differs from that of all other replies, also of the same step."""
    offset: int = 0
    """The number of characters of the reply before this part."""
    after_bytes: int = 0
    """The same in bytes of UTF-8."""

    def as_body(self) -> str:
        """Return the part in the form that processes with followers receive."""
        fields = {"job_id": str(self.job_id), "step": self.step, "text": self.text}
        position = {"reply": self.reply, "offset": self.offset}
        return json.dumps({**fields, **position, **({"restart": True} if self.is_restart else {})})


@dataclass(frozen=True, slots=True)
class FreeWorker:
    """Reports whether a worker process can take jobs of its lanes."""

    slot: WorkerSlot
    lanes: Sequence[str]
    is_free: bool
    slots: int = 0
    """The number of slots that submissions may take from now on."""


Message = (
    WorkerWakeup
    | SubjobWakeup
    | StartedJob
    | EventNotification
    | EndedAttempt
    | CancelCall
    | Delta
    | FreeWorker
)


def wakeup_for(lane: str, parent_id: UUID | None) -> WorkerWakeup | SubjobWakeup:
    """Return the message about a queued job; the parent is that of a subjob which only the parent's worker claims."""
    return WorkerWakeup(lane) if parent_id is None else SubjobWakeup(parent_id)


class Notifier(Protocol):
    """Sender of messages; each process sets one with `use`."""

    @property
    def process(self) -> str:
        """The name under which other processes of this host reach this one; empty: they do not."""

    async def notify(self, messages: Iterable[Message]) -> None:
        """Send all messages; never raises an error when Redis is unavailable."""

    def send(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting, from synchronous code."""

    async def take_slot(self, lane: str) -> WorkerSlot | None:
        """Take a free slot of a worker; None if there is none or Redis is unavailable."""

    def pass_slot(self, process: str, lane: str, slot: WorkerSlot) -> bool:
        """Let only one process of this host use a slot; return whether it was informed."""


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


Topic = Literal["activity", "annotations", "comments"]
"""What changes in a project or a job without an event of a job."""


def topic_id(owner_id: UUID, topic: Topic) -> UUID:
    """Return the ID under which followers of a topic of a project or a job subscribe."""
    return uuid5(owner_id, topic)


def note_change(session: UnitOfWork, owner_id: UUID, topic: Topic) -> None:
    """Notify the followers of a topic of a project or a job when the unit of work has committed."""
    note(session, EventNotification(topic_id(owner_id, topic), 0))


async def send_enqueued(session: UnitOfWork) -> None:
    """Send the messages of the committed unit of work."""
    messages: list[Message] = session.info.pop("outbox", [])
    if messages and _notifier is not None:
        await _notifier.notify(messages)


def send_now(message: Message) -> None:
    """Send a message immediately, outside of a unit of work."""
    if _notifier is not None:
        _notifier.send([message])


def own_process() -> str:
    """Return the name under which other processes of this host reach this one; empty if they do not."""
    return "" if _notifier is None else _notifier.process


async def take_slot(lane: str) -> WorkerSlot | None:
    """Take a free slot of a worker of a lane; None if there is none."""
    return None if _notifier is None else await _notifier.take_slot(lane)


def pass_slot(process: str, lane: str, slot: WorkerSlot) -> bool:
    """Let only one process of this host use a slot of this one; return whether it was informed."""
    return _notifier is not None and _notifier.pass_slot(process, lane, slot)


def slots_key(lane: str) -> str:
    """Return the key of the list of the free slots that submissions may take for jobs of a lane."""
    return f"puras:slots:{version()}:{lane}"  # processes of another release may not understand the jobs


def free_workers_key(lane: str) -> str:
    """Return the key of the list of the processes that can take jobs of a lane."""
    return f"puras:free:{lane}"


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
    """Sends messages over Redis from the event loop, in batches.

    A wake-up goes directly to one process that has reported that it can take jobs. If none has, the wake-up becomes a
    message in the Dramatiq queue of the lane, where it waits for a worker, and further ones wait to be sent together.
    """

    process = ""

    def __init__(self, redis_url: str, audience: Audience | None = None) -> None:
        """Connect with the first message.

        Args:
            redis_url: The server.
            audience: Knows whether news are received. None: they always are.
        """
        self._audience = audience
        self._client = AsyncRedis.from_url(
            redis_url,
            socket_timeout=SEND_TIMEOUT_S,
            socket_connect_timeout=SEND_TIMEOUT_S,
            retry=AsyncRetry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
        )
        self._broker = RedisBroker(client=client(redis_url), namespace=NAMESPACE)
        self._unavailable_until = 0.0
        self._no_slots_until = 0.0
        self._pauses: dict[str, asyncio.TimerHandle] = {}
        """By lane, the end of the time for which its wake-ups wait."""
        self._next_pauses_s: dict[str, float] = {}
        """By lane, the length of the next pause, if it is longer than the first."""
        self._postponed: set[str] = set()
        """The lanes for which a wake-up waits."""
        self._pending: list[Message] = []
        self._sending: asyncio.Task[None] | None = None

    async def notify(self, messages: Iterable[Message]) -> None:
        """Enqueue all messages without waiting for Redis; wake-ups of workers are sent first and deduplicated."""
        self.send(messages)

    def send(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting, from synchronous code of the event loop."""
        if time.monotonic() < self._unavailable_until or len(self._pending) >= MAX_PENDING:
            return
        self._pending.extend(
            message for message in messages if self._is_wanted(message) and not self._postpone(message)
        )
        if self._pending and self._sending is None:
            self._sending = asyncio.create_task(self._send_pending(), name="notifications")

    def _is_wanted(self, message: Message) -> bool:
        """Return whether to send a message: no news that no process receives."""
        is_news = isinstance(message, EventNotification)
        return not is_news or self._audience is None or self._audience.expects_news()

    def _postpone(self, message: Message) -> bool:
        """Let a wake-up wait for the end of the pause of its lane; return whether there is one."""
        if not isinstance(message, WorkerWakeup) or message.lane not in self._pauses:
            return False
        self._postponed.add(message.lane)
        return True

    async def take_slot(self, lane: str) -> WorkerSlot | None:
        """Take a free slot of a worker; None if there is none or Redis is unavailable."""
        if time.monotonic() < max(self._unavailable_until, self._no_slots_until):
            return None
        if self._no_slots_until:  # the pause is over: one request finds out whether there are slots again
            self._no_slots_until = time.monotonic() + NO_SLOTS_PAUSE_S
        try:
            async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                taken: bytes | None = await self._client.lpop(slots_key(lane))  # type: ignore[misc]
        except (redis.RedisError, TimeoutError) as error:
            self._note_outage(error)
            return None
        if taken is None:
            self._no_slots_until = time.monotonic() + NO_SLOTS_PAUSE_S
            return None
        self._no_slots_until = 0.0
        process, _, worker_id = taken.decode().partition(" ")
        return WorkerSlot(process, UUID(worker_id))

    def pass_slot(self, process: str, lane: str, slot: WorkerSlot) -> bool:
        """Return false: this is not sent over Redis."""
        return False

    async def aclose(self) -> None:
        """Send pending messages, and close the connections."""
        while self._sending is not None or self._pauses:
            for lane in list(self._pauses):
                self._resume(lane)
            if self._sending is not None:
                await self._sending
        await self._client.aclose()
        self._broker.client.close()

    def _pause(self, lane: str) -> None:
        """Let the wake-ups of a lane wait, since no process is free."""
        if lane not in self._pauses:
            pause_s = self._next_pauses_s.pop(lane, QUEUE_PAUSE_S)
            self._pauses[lane] = asyncio.get_running_loop().call_later(pause_s, self._resume, lane, pause_s)

    def _resume(self, lane: str, pause_s: float = 0.0) -> None:
        """End the pause of a lane, and send one wake-up for all that have waited."""
        self._pauses.pop(lane).cancel()
        if lane in self._postponed:
            self._postponed.remove(lane)
            self._next_pauses_s[lane] = min(2 * pause_s, MAX_QUEUE_PAUSE_S)
            self.send([WorkerWakeup(lane)])

    async def _send_pending(self) -> None:
        """Send batches until no message is pending; messages that arrive meanwhile form the next batch."""
        try:
            while self._pending:
                # A pause may have started after they were added.
                batch, self._pending = [each for each in self._pending if not self._postpone(each)], []
                try:
                    await self._send_batch(batch)
                except redis.RedisError as error:
                    self._pending.clear()
                    self._note_outage(error)
        finally:
            self._sending = None

    def _note_outage(self, error: Exception) -> None:
        self._unavailable_until = time.monotonic() + RETRY_AFTER_S
        REDIS_FAILURES.inc()
        reason = str(error) or "no response in time"
        log.warning("redis unavailable; jobs start with the next sweep", error=reason)

    async def _send_batch(self, batch: Sequence[Message]) -> None:
        lanes = [*dict.fromkeys(message.lane for message in batch if isinstance(message, WorkerWakeup))]
        pipeline = self._client.pipeline(transaction=False)
        for report in (message for message in batch if isinstance(message, FreeWorker)):
            _add_report(pipeline, report)  # first, as a wake-up must not go to a process that cannot take it
        first = len(pipeline)
        for lane in lanes:
            pipeline.eval(_WAKE_WORKER, 1, free_workers_key(lane), WORK_CHANNEL, lane)
        news = _add_all(pipeline, batch)
        sent_at = time.monotonic()
        replies = await pipeline.execute()
        if news is not None and self._audience is not None:
            self._audience.note_receivers(replies[news], sent_at=sent_at)
        woken = replies[first : first + len(lanes)]
        MESSAGES_SENT.labels("worker_wake_up").inc(len(lanes))
        queued = []
        for lane, is_woken in zip(lanes, woken, strict=True):
            if is_woken:
                self._next_pauses_s.pop(lane, None)
            else:
                queued.append(lane)
                self._pause(lane)
        if queued:
            await asyncio.to_thread(self._enqueue, queued)

    def _enqueue(self, lanes: Iterable[str]) -> None:
        for lane in lanes:
            self._broker.declare_queue(queue_name(lane))
            self._broker.enqueue(_envelope(lane))


def _add_all(pipeline: Pipeline, batch: Sequence[Message]) -> int | None:
    """Add messages that are not combined with others, and return the position of the last news, if there are any."""
    news = None
    for message in batch:
        if isinstance(message, EventNotification):
            news = len(pipeline)
        _add(pipeline, message)
    return news


def _add(pipeline: Pipeline, message: Message) -> None:
    """Add a message other than those of `_send_batch` to a batch."""
    match message:
        case StartedJob(slot, lane, job=job):
            pipeline.publish(f"{WORK_CHANNEL}{slot.process}", f"{lane} {slot.worker_id} {job}")
            MESSAGES_SENT.labels("started_job").inc()
        case EventNotification(job_id, seq, is_last, row, project_id):
            project = "" if project_id is None else f"@{project_id}"
            pipeline.publish(WAKE_CHANNEL, f"{job_id} {seq}{project} {LAST if is_last else ''} {row}")
            MESSAGES_SENT.labels("wake_up").inc()
        case EndedAttempt(process, job_id, row):
            pipeline.publish(f"{END_CHANNEL}{process}", f"{job_id} {row}")
            MESSAGES_SENT.labels("end").inc()
        case SubjobWakeup(parent_id):
            pipeline.publish(SUBJOB_CHANNEL, str(parent_id))
            MESSAGES_SENT.labels("subjob_wake_up").inc()
        case CancelCall(job_id):
            pipeline.publish(CANCEL_CHANNEL, str(job_id))
            MESSAGES_SENT.labels("cancel").inc()
        case Delta():
            _add_delta(pipeline, message)


def _add_delta(pipeline: Pipeline, delta: Delta) -> None:
    """Add a part of a reply to a batch: it is kept before it is sent, so that who joins later does not miss it."""
    if delta.is_restart or delta.is_last:
        partial_replies.discard(pipeline, delta.job_id)
    elif delta.text:
        part = partial_replies.PartialReply(delta.step, delta.reply, delta.text)
        partial_replies.add(pipeline, delta.job_id, part, after_bytes=delta.after_bytes)
    if delta.is_restart or delta.text:
        pipeline.publish(DELTA_CHANNEL, f"{delta.job_id} {delta.as_body()}")
        MESSAGES_SENT.labels("delta").inc()


def _add_report(pipeline: Pipeline, report: FreeWorker) -> None:
    """Add the report of a worker process to a batch, which replaces its earlier reports."""
    process, element = report.slot.process, f"{report.slot.process} {report.slot.worker_id}"
    for lane in report.lanes:
        pipeline.lrem(free_workers_key(lane), 0, process)
        pipeline.lrem(slots_key(lane), 0, element)
        if report.is_free:
            pipeline.rpush(free_workers_key(lane), process)
        if report.slots:
            pipeline.rpush(slots_key(lane), *[element] * report.slots)
            pipeline.expire(slots_key(lane), SLOTS_EXPIRE_S)


def _envelope(lane: str) -> Envelope[Any]:
    return Envelope(queue_name=queue_name(lane), actor_name=actor_name(lane), args=(), kwargs={}, options={})
