"""Follow a job, and turn its events into the pieces of text that a stream sends.

The text of an agent's reply arrives in deltas, which can be lost, and as a whole in the event `model_response`. A
segment is the text of one reply: the next one starts when the agent has called tools, or when a reply starts again.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Any, Final, NamedTuple

from backend.core.errors import PurasError
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.execution.events.follow import HEARTBEAT_S, DeltaRead, follow
from backend.execution.events.schemas import EventRead
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.wait import NO_WAIT, read_when_ended
from backend.integrations.openai_api.calls import Call

_CONTINUED: Final = frozenset({"max_tokens", "pause_turn"})
"""Stop reasons of replies whose text the next reply continues."""


class Piece(NamedTuple):
    """A piece of text."""

    segment: int
    text: str


class Ended(NamedTuple):
    """The end of the job, or of the time for which the request waits."""

    job: JobRead
    error: PurasError | None
    """Why there is no answer."""


class LiveText:
    """Collects the text of a job in segments, and returns what is to be sent next."""

    def __init__(self) -> None:
        self.segment = 0
        """The last segment; the first one is 1."""
        self._before = ""
        """What was sent of the segment in earlier steps, whose text the current one continues."""
        self._sent = ""
        """What was sent of it in the current step."""
        self._step = 0
        self._is_complete = False
        self._is_continued = False

    def delta(self, step: int, text: str, *, is_restart: bool = False) -> Iterator[Piece]:
        """Iterate over the pieces of a delta."""
        if step < self._step or (step == self._step and self._is_complete):
            return  # it arrived after the whole reply
        self._enter(step)
        if is_restart and self._sent and text.startswith(self._sent):
            text = text[len(self._sent) :]  # the whole text so far, after parts of it were lost
        elif is_restart:
            self.restart()
        if text:
            yield self._piece(text)

    def reply(self, step: int, text: str, stop_reason: str | None) -> Iterator[Piece]:
        """Iterate over the pieces that are missing of a complete reply."""
        if step < self._step:
            return
        self._enter(step)
        yield from self._missing(text)
        self._is_complete, self._is_continued = True, stop_reason in _CONTINUED

    def restart(self) -> None:
        """Start a segment if a reply starts again: a stream cannot take back what it has sent."""
        if self._sent and not self._is_complete:
            self._before = self._sent = ""

    def answer(self, text: str) -> Iterator[Piece]:
        """Iterate over the pieces that are missing of the answer, which the last segment is from now on."""
        self._sent, self._before = self._before + self._sent, ""
        yield from self._missing(text)
        if self.segment == 0:
            yield self._piece("")

    def _enter(self, step: int) -> None:
        if step > self._step:
            self._before = self._before + self._sent if self._is_continued else ""
            self._sent = ""
            self._step, self._is_complete, self._is_continued = step, False, False

    def _piece(self, text: str) -> Piece:
        if not self._before and not self._sent:
            self.segment += 1
        self._sent += text
        return Piece(self.segment, text)

    def _missing(self, text: str) -> Iterator[Piece]:
        """Iterate over what is missing of a text; all of it as a segment if something else was sent."""
        if not text.strip() or _bare(text) == _bare(self._sent):
            return
        if text.startswith(self._sent):
            yield self._piece(text[len(self._sent) :])
            return
        self._before = self._sent = ""
        yield self._piece(text)


async def follow_call(call: Call) -> AsyncGenerator[Piece | Ended | None, None]:
    """Iterate over the pieces of a call until the end of its job; `None` after some time without a piece.

    If the iteration is aborted, the client has disconnected.
    """
    has_ended = False
    try:
        with STREAM_FOLLOWERS.track_inprogress():
            live = LiveText()
            async with aclosing(_pieces(call, live)) as pieces:
                async for piece in pieces:
                    yield piece
            job = await read_when_ended(call.context, call.principal, call.job_id, NO_WAIT)
            has_ended = job.status in TERMINAL
            if job.status == "succeeded":
                for last in live.answer(call.answer.text(job)):
                    yield last
            yield Ended(job, call.error_of(job))
    finally:
        if not has_ended:
            call.abandon()


async def _pieces(call: Call, live: LiveText) -> AsyncGenerator[Piece | None, None]:
    started = sent_at = time.monotonic()
    async with aclosing(follow(call.context.database, call.context.wakeups, call.job_id)) as events:
        async for event in events:
            if call.answer.is_live:
                for piece in _of_event(event, live):
                    yield piece
                    sent_at = time.monotonic()
            at = time.monotonic()
            if call.wait_s is not None and at - started >= call.wait_s:
                return
            if at - sent_at >= HEARTBEAT_S:
                yield None
                sent_at = at


def _of_event(event: EventRead | DeltaRead | None, live: LiveText) -> Iterator[Piece]:
    if isinstance(event, DeltaRead):
        delta = json.loads(event.body)
        return live.delta(delta["step"], delta["text"], is_restart=bool(delta.get("restart")))
    if event is not None and event.type == "requeued":
        live.restart()  # another attempt repeats the reply that this one has not completed
    if event is not None and event.type == "model_response" and "blocks" in event.payload:
        payload = event.payload
        return live.reply(payload["step"], _text_of(payload["blocks"]), payload["stop_reason"])
    return iter(())


def _text_of(blocks: list[dict[str, Any]]) -> str:
    return "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")


def _bare(text: str) -> str:
    return "".join(text.split())
