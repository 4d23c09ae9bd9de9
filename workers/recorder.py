"""Record the events of one attempt: they are stored soon, in order, under its fencing token."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy.exc import SQLAlchemyError

from backend.core import logs
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.core.jsonb import flattened
from backend.core.tracing import spans
from backend.data.secrets.scrub import Scrubber, StreamScrubber
from backend.execution.events import otel_spans
from backend.execution.events.append import EncodedEvent, append
from backend.execution.events.types import JobEvent, LogEvent
from backend.execution.jobs.attempts.claim import JobAttempt
from workers import listing_redaction
from workers.guardrails.redaction import EventRedactor, Lines

log = logs.get(__name__)

FLUSH_EVERY_S = 0.05
RETRY_S = 0.5
MAX_BATCH_EVENTS = 1_000
GROWING = {"log": ("stream", "text"), "environment": (None, "log")}
"""Events that are parts of a text: consecutive ones are joined."""
PRINTED = frozenset({"stdout", "stderr"})
"""Streams whose long lines arrive in parts, cut anywhere."""
MAX_JOINED_CHARACTERS = 64_000
MAX_SPAN_EVENTS = 2_000
"""Maximum events of one job for spans; later ones are not traced."""


class BufferedRecorder:
    """Buffers events briefly: those of a short job are stored with its end, in the same statement."""

    def __init__(
        self, database: Database, job_attempt: JobAttempt, *, on_refused: Callable[[], None]
    ) -> None:
        self.scrubber = Scrubber(())
        self._redactor: EventRedactor | None = None
        self._printed: dict[str, StreamScrubber] = {}
        self._lines: dict[str, Lines] = {}
        self._database = database
        self._job_attempt = job_attempt
        self._on_refused = on_refused
        self._buffer: list[EncodedEvent] = []
        self.span_events: list[EncodedEvent] = []
        """Events for spans, while tracing is on."""
        self._timer: asyncio.TimerHandle | None = None
        """Starts to store what is buffered: a task for each short job would take longer than a timer."""
        self._flush: asyncio.Future[None] | None = None
        self._pause_s = FLUSH_EVERY_S
        self._is_closed = False

    def hide(self, scrubber: Scrubber, redactor: EventRedactor | None = None) -> None:
        """Redact the job's secrets, and what the guardrails of its skill redact, in everything recorded from now on."""
        self.scrubber = scrubber
        self._redactor = redactor if redactor is not None and redactor.is_needed else None
        self._printed = {stream: scrubber.stream() for stream in PRINTED}
        self._lines = {stream: self._redactor.lines() for stream in PRINTED} if self._redactor else {}

    def encoded(self, event: JobEvent) -> EncodedEvent:
        """Return an event as it may be stored: without secrets, and redacted as the skill requires."""
        payload = self.scrubber.scrub(event.to_payload())
        if self._redactor is not None:
            payload = self._redactor.payload(event.type, payload)
        return EncodedEvent(event.type, payload)

    def redacted_text(self, text: str) -> str:
        """Return a text as it may be recorded."""
        scrubbed = self.scrubber.scrub(text)
        return scrubbed if self._redactor is None else self._redactor.text(scrubbed)

    def record(self, event: JobEvent) -> None:
        """Record one event, without the job's secrets."""
        if isinstance(event, LogEvent) and event.stream in self._printed:
            self._print(event.stream, self._printed[event.stream].feed(event.text))
        else:
            encoded = self.encoded(event)
            self._add(EncodedEvent(encoded.type, flattened(encoded.payload), encoded.ts))

    async def take_unstored(self) -> list[EncodedEvent]:
        """Return the events that are not stored yet; the caller stores them, before its own."""
        if self._flush is not None:
            await self._flush
        unstored, self._buffer = self._buffer, []
        return unstored

    def add_span_events(self, events: Sequence[EncodedEvent]) -> None:
        """Note events for spans that the caller stores."""
        if spans.is_on():
            self.span_events.extend(
                otel_spans.without_contents(event) for event in events if event.type in otel_spans.EVENT_TYPES
            )
            del self.span_events[MAX_SPAN_EVENTS:]

    async def close(self) -> list[EncodedEvent]:
        """Stop storing, and return the rest, which is stored with the end of the attempt."""
        for stream, printed in self._printed.items():
            self._print(stream, printed.end(), is_last=True)
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._flush is not None:
            await self._flush
        unstored, self._buffer = self._buffer, []
        return unstored

    def _print(self, stream: str, text: str, *, is_last: bool = False) -> None:
        """Note printed text; a possible start of a secret waits for the next part."""
        lines = self._lines.get(stream)
        if lines is not None:
            text = lines.feed(text) + (lines.end() if is_last else "")
        if text:
            self._add(EncodedEvent("log", LogEvent(stream=stream, text=text).to_payload()))

    def visible(self, events: Sequence[EncodedEvent]) -> list[EncodedEvent]:
        """Return the events that the caller of the job may read.

        These are all events, unless the code belongs to another project.
        """
        if self._job_attempt.publisher_id is None:
            return list(events)
        return [
            allowed for event in events if (allowed := listing_redaction.visible_to_caller(event)) is not None
        ]

    def _add(self, event: EncodedEvent) -> None:
        for visible in self.visible([event]):
            self._buffer_event(visible)

    def _buffer_event(self, event: EncodedEvent) -> None:
        self.add_span_events([event])
        if self._buffer and (joined := _joined(self._buffer[-1], event)) is not None:
            self._buffer[-1] = joined
        else:
            self._buffer.append(event)
        self._flush_soon()

    def _flush_soon(self) -> None:
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._start_flush)

    def _start_flush(self) -> None:
        if not self._buffer:  # others have stored it
            self._timer = None
            return
        self._flush = asyncio.ensure_future(self._flush_once())
        self._flush.add_done_callback(self._end_flush)

    def _end_flush(self, _: asyncio.Future[None]) -> None:
        self._timer = None
        if self._buffer:
            self._flush_soon()

    async def _flush_once(self) -> None:
        batch, self._buffer = self._buffer[:MAX_BATCH_EVENTS], self._buffer[MAX_BATCH_EVENTS:]
        try:
            async with self._database.transaction() as session:
                is_current = await append(
                    session, job_id=self._job_attempt.job_id, attempt=self._job_attempt.attempt, events=batch
                )
        except SQLAlchemyError as error:
            self._buffer[:0] = batch
            self._pause_s = RETRY_S
            log.warning(
                "events not stored yet; retrying",
                job_id=str(self._job_attempt.job_id),
                error=error_summary(error),
            )
            return
        self._pause_s = FLUSH_EVERY_S
        if not is_current:
            self._on_refused()


def _joined(before: EncodedEvent, event: EncodedEvent) -> EncodedEvent | None:
    if event.type != before.type or event.type not in GROWING:
        return None
    key, text = GROWING[event.type]
    if set(before.payload) | set(event.payload) != {name for name in (key, text) if name is not None}:
        return None
    if key is not None and before.payload[key] != event.payload[key]:
        return None
    if len(before.payload[text]) + len(event.payload[text]) > MAX_JOINED_CHARACTERS:
        return None
    return EncodedEvent(
        event.type, {**before.payload, text: before.payload[text] + event.payload[text]}, before.ts
    )
