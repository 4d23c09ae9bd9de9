"""Takes the events of one running attempt and stores them soon, in order, under its fencing token."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy.exc import SQLAlchemyError

from backend.core import logs
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.core.jsonb import flattened
from backend.core.tracing import spans
from backend.data.secrets.scrub import Scrubber, StreamScrubber
from backend.execution.events import otel_spans
from backend.execution.events.append import EncodedEvent, append
from backend.execution.events.types import JobEvent, LogEvent
from backend.execution.jobs.claim import JobAttempt
from workers import listing_redaction
from workers.guardrails.redaction import Lines, Telling

log = logs.get(__name__)

FLUSH_EVERY_S = 0.05
RETRY_S = 0.5
MAX_AT_ONCE = 1_000
GROWING = {"log": ("stream", "text"), "environment": (None, "log")}
"""Events that are a piece of a text: pieces that follow each other become one event."""
PRINTED = frozenset({"stdout", "stderr"})
"""Streams whose long lines come in pieces, cut anywhere."""
MAX_PIECE_CHARACTERS = 64_000
MAX_TOLD = 2_000
"""A job that has more spans than this is traced up to here."""


class BufferedRecorder:
    """Keeps events for a moment: those of a short job are stored with its end, in the same statement."""

    def __init__(self, database: Database, claimed: JobAttempt, *, on_refused: Callable[[], None]) -> None:
        self.scrubber = Scrubber(())
        self._telling: Telling | None = None
        self._printed: dict[str, StreamScrubber] = {}
        self._lines: dict[str, Lines] = {}
        self._database = database
        self._claimed = claimed
        self._on_refused = on_refused
        self._buffer: list[EncodedEvent] = []
        self.told: list[EncodedEvent] = []
        """What spans are made of, while somebody wants spans."""
        self._flusher: asyncio.Task[None] | None = None
        self._flush: asyncio.Future[None] | None = None
        self._pause_s = FLUSH_EVERY_S

    def hide(self, scrubber: Scrubber, telling: Telling | None = None) -> None:
        """Take the job's secrets, and what its skill's rails do not let out, out of what is recorded from now on."""
        self.scrubber = scrubber
        self._telling = telling if telling is not None and telling.is_needed else None
        self._printed = {stream: scrubber.stream() for stream in PRINTED}
        self._lines = {stream: self._telling.lines() for stream in PRINTED} if self._telling else {}

    def encoded(self, event: JobEvent) -> EncodedEvent:
        """Return an event as it may be stored: without secrets, and redacted as the skill asks."""
        payload = self.scrubber.scrub(event.to_payload())
        if self._telling is not None:
            payload = self._telling.payload(event.type, payload)
        return EncodedEvent(event.type, payload)

    def tellable_text(self, text: str) -> str:
        """What of a sentence may be told."""
        scrubbed = self.scrubber.scrub(text)
        return scrubbed if self._telling is None else self._telling.text(scrubbed)

    def record(self, event: JobEvent) -> None:
        """Record one event, without the job's secrets."""
        if isinstance(event, LogEvent) and event.stream in self._printed:
            self._print(event.stream, self._printed[event.stream].feed(event.text))
        else:
            encoded = self.encoded(event)
            self._keep(replace(encoded, payload=flattened(encoded.payload)))

    async def taken(self) -> list[EncodedEvent]:
        """What is not stored yet, for whoever stores it with something of its own: the order stays."""
        if self._flush is not None:
            await self._flush
        taken, self._buffer = self._buffer, []
        return taken

    def tell(self, events: Sequence[EncodedEvent]) -> None:
        """Note what spans are made of, of events that are stored by somebody else."""
        if spans.is_on():
            self.told.extend(
                otel_spans.without_contents(event) for event in events if event.type in otel_spans.TOLD
            )
            del self.told[MAX_TOLD:]

    async def rest(self) -> list[EncodedEvent]:
        """Stop storing; gives what is left, to be stored with the attempt's end."""
        for stream, printed in self._printed.items():
            self._print(stream, printed.end(), is_last=True)
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        if self._flush is not None:
            await self._flush
        left, self._buffer = self._buffer, []
        return left

    def _print(self, stream: str, text: str, *, is_last: bool = False) -> None:
        """Note text that was printed; what may be the beginning of a secret waits for the next piece."""
        lines = self._lines.get(stream)
        if lines is not None:
            text = lines.feed(text) + (lines.end() if is_last else "")
        if text:
            self._keep(EncodedEvent("log", LogEvent(stream=stream, text=text).to_payload()))

    def shown(self, events: Sequence[EncodedEvent]) -> list[EncodedEvent]:
        """Of these, what whoever runs the job may read: all of it, unless the code is another project's."""
        if self._claimed.publisher_id is None:
            return list(events)
        return [told for event in events if (told := listing_redaction.told(event)) is not None]

    def _keep(self, event: EncodedEvent) -> None:
        for shown in self.shown([event]):
            self._keep_shown(shown)

    def _keep_shown(self, event: EncodedEvent) -> None:
        self.tell([event])
        if self._buffer and (joined := _joined(self._buffer[-1], event)) is not None:
            self._buffer[-1] = joined
        else:
            self._buffer.append(event)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush_soon())

    async def _flush_soon(self) -> None:
        await asyncio.sleep(FLUSH_EVERY_S)
        while self._buffer:
            # Shielded: a flush that is cut off half-way might store its events and be repeated all the same.
            self._flush = asyncio.ensure_future(self._flush_once())
            await asyncio.shield(self._flush)
            await asyncio.sleep(self._pause_s)

    async def _flush_once(self) -> None:
        batch, self._buffer = self._buffer[:MAX_AT_ONCE], self._buffer[MAX_AT_ONCE:]
        try:
            async with self._database.transaction() as session:
                is_ours = await append(
                    session, job_id=self._claimed.job_id, attempt=self._claimed.attempt, events=batch
                )
        except SQLAlchemyError as error:
            self._buffer[:0] = batch
            self._pause_s = RETRY_S
            log.warning(
                "events not stored yet; trying again", job_id=str(self._claimed.job_id), error=why_away(error)
            )
            return
        self._pause_s = FLUSH_EVERY_S
        if not is_ours:
            self._on_refused()


def _joined(before: EncodedEvent, event: EncodedEvent) -> EncodedEvent | None:
    if event.type != before.type or event.type not in GROWING:
        return None
    same, text = GROWING[event.type]
    if set(before.payload) | set(event.payload) != {name for name in (same, text) if name is not None}:
        return None
    if same is not None and before.payload[same] != event.payload[same]:
        return None
    if len(before.payload[text]) + len(event.payload[text]) > MAX_PIECE_CHARACTERS:
        return None
    return EncodedEvent(
        event.type, {**before.payload, text: before.payload[text] + event.payload[text]}, before.ts
    )
