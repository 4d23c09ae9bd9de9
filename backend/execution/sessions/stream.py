"""Follow all turns of a session as server-sent events.

The ID of a frame is `TURN.POSITION`: position 0 is the message, further ones are the events of the job, and `end` is
the reply. A client that reconnects with the last ID continues there, without gaps or repetitions.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Self
from uuid import UUID

from backend.core.db.connections import DatabaseUnavailable
from backend.core.db.engine import Database
from backend.core.errors import Invalid, Problem
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.core.wakeups import Subscription, WakeUpListener
from backend.execution.events.follow import END, HEARTBEAT_S, PAGE, REREAD_S, RETRY_MS, DeltaRead, follow
from backend.execution.events.queries import MAX_SEQ, read_after
from backend.execution.events.schemas import EventRead
from backend.execution.jobs.status import TERMINAL
from backend.execution.sessions.queries import reply_message, turns_after, user_message
from backend.execution.sessions.schemas import MessageRead

SETTLED_WITHIN_S: Final = 0.2
"""The interval between two reads of a turn whose job has ended and whose reply is not stored yet."""
_ID: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,10}|end)")


@dataclass(frozen=True, slots=True)
class Position:
    """The last frame that a client has received."""

    turn: int = 1
    seq: int = -1
    """Number of the event: 0: the message; -1: nothing of the turn."""

    @classmethod
    def parse(cls, last_id: str | None) -> Self:
        """Return the position of the ID of a frame.

        Raises:
            Invalid: It is not such an ID.
        """
        if not last_id:
            return cls()
        match = _ID.fullmatch(last_id)
        if match is None:
            why = "The ID of a frame looks like 3.17 or 3.end. Omit it to start with the first turn."
            raise Invalid(f"Last-Event-ID: {why}", [Problem("header.Last-Event-ID", why)])
        turn, seq = int(match[1]), match[2]
        return cls(turn + 1, -1) if seq == "end" else cls(turn, min(int(seq), MAX_SEQ))


@dataclass(frozen=True, slots=True)
class Followed:
    """A session that the caller may see."""

    project_id: UUID
    session_id: UUID


async def stream(
    database: Database,
    wakeups: WakeUpListener,
    session: Followed,
    position: Position,
    *,
    is_endless: bool,
) -> AsyncIterator[bytes]:
    """Iterate over the frames after the position.

    Without `is_endless`, the last frame is `event: end`, when no turn runs.
    """
    with STREAM_FOLLOWERS.track_inprogress(), wakeups.subscribe(session.session_id) as subscription:
        yield f"retry: {RETRY_MS}\n\n".encode()
        sent_at = time.monotonic()
        while True:
            row = await _next_turn(database, session, position.turn)
            if row is not None:
                turn = _turn(database, wakeups, session, row, position.seq, subscription=subscription)
                async with aclosing(turn) as frames:
                    async for frame in frames:
                        yield frame
                position = Position(row.number + 1)
                sent_at = time.monotonic()
                continue
            if not is_endless:
                yield END
                return
            if time.monotonic() - sent_at >= HEARTBEAT_S:
                yield b": still here\n\n"
                sent_at = time.monotonic()
            await subscription.wait(REREAD_S)


async def _next_turn(database: Database, session: Followed, number: int) -> Any:
    """Return the turn with that number; none while there is none."""
    try:
        async with database.reading() as reader:
            rows = await turns_after(
                reader, session.project_id, session.session_id, after=number - 1, limit=1
            )
    except DatabaseUnavailable:
        return None
    return rows[0] if rows else None


async def _turn(
    database: Database,
    wakeups: WakeUpListener,
    session: Followed,
    row: Any,
    seq: int,
    *,
    subscription: Subscription,
) -> AsyncGenerator[bytes, None]:
    """Iterate over the frames of one turn after an event, until its reply."""
    if seq < 0:
        yield _message_frame(f"{row.number}.0", user_message(row))
        seq = 0
    frames = _stored(database, row, seq) if row.status in TERMINAL else _live(database, wakeups, row, seq)
    async with aclosing(frames):
        async for frame in frames:
            yield frame
    while (ended := await _next_turn(database, session, row.number)) is not None:
        if ended.number != row.number:
            return  # the turn was deleted
        if ended.ended_at is not None:
            yield _message_frame(f"{row.number}.end", reply_message(ended))
            return
        await subscription.wait(SETTLED_WITHIN_S)


async def _live(
    database: Database, wakeups: WakeUpListener, row: Any, after: int
) -> AsyncGenerator[bytes, None]:
    """Iterate over the frames of a job until its last event."""
    sent_at = time.monotonic()
    async with aclosing(follow(database, wakeups, row.job_id, after=after)) as events:
        async for event in events:
            if isinstance(event, DeltaRead):
                delta = {**json.loads(event.body), "turn": row.number}
                yield f"event: delta\ndata: {json.dumps(delta, ensure_ascii=False)}\n\n".encode()
            elif event is not None:
                yield _event_frame(row.number, event)
            elif time.monotonic() - sent_at >= HEARTBEAT_S:
                yield b": still here\n\n"
            else:
                continue
            sent_at = time.monotonic()


async def _stored(database: Database, row: Any, after: int) -> AsyncGenerator[bytes, None]:
    """Iterate over the frames of a job that has ended, as far as retention has kept its events."""
    while True:
        async with database.reading() as reader:
            page = await read_after(reader, row.job_id, after=after, limit=PAGE)
        for event in page:
            after = event.seq
            yield _event_frame(row.number, EventRead.of(event))
        if len(page) < PAGE:
            return


def _message_frame(frame_id: str, message: MessageRead) -> bytes:
    return f"id: {frame_id}\nevent: message\ndata: {message.model_dump_json()}\n\n".encode()


def _event_frame(turn: int, event: EventRead) -> bytes:
    data = {**event.model_dump(mode="json"), "turn": turn}
    return f"id: {turn}.{event.id}\nevent: {event.type}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
