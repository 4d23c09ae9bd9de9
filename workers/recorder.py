"""Takes the events of one running attempt and stores them soon, in order, under its fencing token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from backend.secrets.scrub import Scrubber
from sqlalchemy.exc import DBAPIError

from backend import logs
from backend.db import Database
from backend.events.append import NewEvent, append
from backend.jobs.claim import Claimed

log = logs.get(__name__)

FLUSH_EVERY_S = 0.05
MOST_AT_ONCE = 1_000


class BufferedRecorder:
    """Keeps events for a moment: those of a short job are stored with its end, in the same statement."""

    def __init__(
        self, database: Database, claimed: Claimed, scrubber: Scrubber, *, on_refused: Callable[[], None]
    ) -> None:
        self._database = database
        self._claimed = claimed
        self.scrubber = scrubber
        self._on_refused = on_refused
        self._buffer: list[NewEvent] = []
        self._flushing: asyncio.Task[None] | None = None

    def hide(self, scrubber: Scrubber) -> None:
        """Take the job's secrets out of what is recorded from now on."""
        self.scrubber = scrubber

    def record(self, type: str, payload: dict[str, Any]) -> None:  # noqa: A002 - the word of the contract
        """Note one event, without the job's secrets."""
        self._buffer.append(NewEvent(type, self.scrubber.scrub(payload)))
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon())

    async def rest(self) -> list[NewEvent]:
        """Stop storing; gives what is left, to be stored with the attempt's end."""
        if self._flushing is not None:
            self._flushing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flushing
        left, self._buffer = self._buffer, []
        return left

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FLUSH_EVERY_S)
        while self._buffer:
            # Not interrupted half-way: an append whose answer is lost would be stored twice.
            await asyncio.shield(asyncio.ensure_future(self._flush()))
            await asyncio.sleep(FLUSH_EVERY_S)

    async def _flush(self) -> None:
        batch, self._buffer = self._buffer[:MOST_AT_ONCE], self._buffer[MOST_AT_ONCE:]
        try:
            async with self._database.transaction() as session:
                is_ours = await append(
                    session, job_id=self._claimed.job_id, attempt=self._claimed.attempt, events=batch
                )
        except DBAPIError as error:
            self._buffer[:0] = batch
            log.warning(
                "events not stored yet; trying again", job_id=str(self._claimed.job_id), error=str(error.orig)
            )
            return
        if not is_ours:
            self._on_refused()
