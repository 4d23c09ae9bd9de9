"""Store the steps of one attempt: those that end at the same time together, each before its function continues."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from sqlalchemy.exc import DBAPIError

from backend.core.db.engine import AnySession, Database
from backend.execution.events.append import EncodedEvent
from backend.execution.events.types import JobEvent
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.steps import service
from backend.execution.steps.service import StepWrite
from workers.db_retry import DatabaseRetry
from workers.drives.errors import AttemptLost
from workers.recorder import BufferedRecorder

_MAX_BATCH: Final = 64


class _Pending(NamedTuple):
    step: StepWrite
    event: JobEvent | None
    stored: asyncio.Future[None]


class StepWriter:
    """Writes in the order of the calls; the next batch collects while one is being written."""

    def __init__(self, database: Database, job_attempt: JobAttempt, recorder: BufferedRecorder) -> None:
        self._database = database
        self._job_attempt = job_attempt
        self._recorder = recorder
        self._queue: list[_Pending] = []
        self._writing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def write(self, step: StepWrite, event: JobEvent | None) -> None:
        """Store a step, and its event with it.

        Raises:
            AttemptLost: the attempt is not the running one any more.
            DBAPIError: the database has rejected the step, or was unavailable for too long.
        """
        pending = _Pending(step, event, asyncio.get_running_loop().create_future())
        self._queue.append(pending)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all(), name="store steps")
        await asyncio.shield(pending.stored)

    async def write_with(
        self, step: StepWrite, event: JobEvent | None, change: Callable[[AnySession], Awaitable[None]]
    ) -> None:
        """Store a step and another change in one transaction; both or none.

        Raises:
            AttemptLost: the attempt is not the running one any more.
            DBAPIError: the database has rejected the change, or was unavailable for too long.
            PurasError: the change raises it. Nothing is stored then.
        """
        async with self._lock:
            events = await self._events([] if event is None else [event])
            retry = DatabaseRetry("step not stored yet", job_id=str(self._job_attempt.job_id))
            while True:
                async with retry:
                    async with self._database.transaction() as session:
                        await self._store(session, [step], events)
                        await change(session)
                    return

    async def close(self, within_s: float) -> None:
        """Wait for a write that has started."""
        if self._writing is not None and not self._writing.done():
            await asyncio.wait({self._writing}, timeout=within_s)

    async def _write_all(self) -> None:
        while self._queue:
            batch, self._queue = self._queue[:_MAX_BATCH], self._queue[_MAX_BATCH:]
            try:
                async with self._lock:
                    await self._write_batch(batch)
            except (AttemptLost, DBAPIError) as error:
                for pending in batch:
                    pending.stored.set_exception(error)
                    pending.stored.exception()  # its waiter receives it, if it still waits
            else:
                for pending in batch:
                    pending.stored.set_result(None)

    async def _write_batch(self, batch: list[_Pending]) -> None:
        events = await self._events([pending.event for pending in batch if pending.event is not None])
        retry = DatabaseRetry("step not stored yet", job_id=str(self._job_attempt.job_id))
        while True:
            async with retry:
                async with self._database.single() as session:
                    await self._store(session, [pending.step for pending in batch], events)
                return

    async def _events(self, own: list[JobEvent]) -> list[EncodedEvent]:
        """Return the events that precede the end of the steps, and then those of the steps."""
        unstored = await self._recorder.take_unstored()
        visible = self._recorder.visible([self._recorder.encoded(event) for event in own])
        self._recorder.add_span_events(visible)
        return [*unstored, *visible]

    async def _store(self, session: AnySession, steps: list[StepWrite], events: list[EncodedEvent]) -> None:
        job_attempt = self._job_attempt
        is_current = await service.write(
            session,
            job_id=job_attempt.job_id,
            attempt=job_attempt.attempt,
            retries=job_attempt.retries,
            steps=steps,
            events=events,
        )
        if not is_current:
            raise AttemptLost
