"""Send messages for a process of this host over its socket, and all others over Redis.

    API process ── StartedJob ──▶ worker process          in a slot that the worker has offered
    API process ◀── EndedAttempt, with the row ──         before all other followers learn about it over Redis
    API process ◀── the slot ──                           for the next job of this API process

Only the process that started a job in a slot receives messages about it in this way.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from backend.core.metrics.instruments import MESSAGES_SENT
from backend.core.notifications import (
    EndedAttempt,
    Message,
    RedisNotifier,
    StartedJob,
    WorkerSlot,
)
from backend.core.process_sockets import open_socket
from backend.core.wakeups import WakeUpListener

PASSED_SLOT_S: Final = 0.05
"""The time for which a process may use a slot that was passed to it."""


class LocalNotifier:
    """The notifier of a process with a socket."""

    def __init__(self, redis: RedisNotifier, wakeups: WakeUpListener, folder: Path | None) -> None:
        """Open the socket, if this host can.

        Args:
            redis: Sends what cannot be sent directly.
            wakeups: Passes received messages on. Its name is that of the process.
            folder: See `ProcessSocket`. None: this host has none, so that all messages go over Redis.
        """
        self._redis = redis
        self._wakeups = wakeups
        self._passed: defaultdict[str, deque[tuple[WorkerSlot, float]]] = defaultdict(deque)
        """By lane, the slots that only this process may take, and until when."""
        self._socket = None if folder is None else open_socket(folder, wakeups.process, self._receive)

    @property
    def process(self) -> str:
        """The name under which other processes reach this one."""
        return self._wakeups.process

    async def notify(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting."""
        self.send(messages)

    def send(self, messages: Iterable[Message]) -> None:
        """Send all messages without waiting, from synchronous code."""
        self._redis.send([rest for message in messages if (rest := self._send_directly(message)) is not None])

    async def take_slot(self, lane: str) -> WorkerSlot | None:
        """Take a slot that was passed to this process, or any other one."""
        passed = self._passed[lane]
        while passed:
            slot, until = passed.popleft()
            if time.monotonic() < until:
                return slot
        return await self._redis.take_slot(lane)

    def pass_slot(self, process: str, lane: str, slot: WorkerSlot) -> bool:
        """Let only one process of this host use a slot for `PASSED_SLOT_S`; return whether it was informed."""
        text = f"{lane} {slot.process} {slot.worker_id}"
        return self._socket is not None and self._socket.send(process, "slot", text)

    async def aclose(self) -> None:
        """Close the socket, send pending messages over Redis, and close its connections."""
        if self._socket is not None:
            self._socket.close()
        await self._redis.aclose()

    def _send_directly(self, message: Message) -> Message | None:
        """Send a message directly if it is for one process, and return what remains to be sent over Redis."""
        if isinstance(message, StartedJob):
            self._wakeups.expect_end(message.job_id)
        if self._socket is None:
            return message
        match message:
            case StartedJob(slot, lane, job=job):
                if self._socket.send(slot.process, "job", f"{lane} {slot.worker_id} {job}"):
                    MESSAGES_SENT.labels("started_job").inc()
                    return None
            case EndedAttempt(process, job_id, row):
                if self._socket.send(process, "end", f"{job_id} {row}"):
                    return None
        return message

    def _receive(self, kind: str, text: str) -> None:
        match kind:
            case "job":
                lane, _, started = text.partition(" ")
                self._wakeups.receive_work(lane, started)
            case "end":
                job, _, row = text.partition(" ")
                self._wakeups.receive_end(job, row)
            case "slot":
                lane, process, worker_id = text.split(" ")
                slot = WorkerSlot(process, UUID(worker_id))
                self._passed[lane].append((slot, time.monotonic() + PASSED_SLOT_S))
