"""Follow the events of a job, and send them as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from backend.core.db.connections import DatabaseUnavailable
from backend.core.db.engine import Database
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.core.wakeups import Subscription, WakeUpListener
from backend.execution.events.append import TERMINAL_TYPES
from backend.execution.events.live_reply import LiveReply
from backend.execution.events.queries import EventCursor, StoredEvent, read_after
from backend.execution.events.schemas import EventRead

REREAD_S = 1.0
"""The maximum interval between two reads of events, with or without a notification from Redis."""
PAGE = 500
HEARTBEAT_S = 15.0
RETRY_MS = 1000
END = b"event: end\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class DeltaRead:
    """A piece of a reply while it is generated: `{"job_id", "step", "text"}` as JSON.

    With `"restart": true`, the text replaces all earlier pieces of the reply.
    """

    body: str


async def follow(
    database: Database, wakeups: WakeUpListener, job_id: UUID, *, after: int = 0
) -> AsyncGenerator[EventRead | DeltaRead | None, None]:
    """Iterate over the events of a job with numbers above `after`, in order and without gaps, until the last one.

    Between them come pieces of the replies that a model generates; the first one has the whole text so far. None is
    returned when nothing happened for a while, so that the caller can send a heartbeat. No connection is held while
    waiting, and an unavailable database is treated as one without new events.
    """
    live = LiveReply(partial(wakeups.partial_reply, job_id), job_id, is_resumed=after > 0)
    with wakeups.subscribe(job_id) as subscription:
        while True:
            page = await _page(database, job_id, after=after)
            for event in page:
                after = event.seq
                live.note(event)
                yield EventRead.of(event)
                if event.type in TERMINAL_TYPES:
                    return
            if len(page) < PAGE:
                if not page:
                    yield None
                async for delta in _until_news(subscription, live):
                    yield delta


async def _until_news(subscription: Subscription, live: LiveReply) -> AsyncIterator[DeltaRead]:
    """Iterate over pieces of replies until there may be another event, which is returned before further pieces."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REREAD_S
    if not live.is_joined:
        for body in await live.join():
            yield DeltaRead(body)
    while (remaining_s := deadline - loop.time()) > 0:
        for body in await live.take(subscription.deltas()):
            yield DeltaRead(body)
        await subscription.wait(remaining_s)
        if subscription.has_news():
            for body in await live.take(subscription.deltas(), has_news=True):
                yield DeltaRead(body)
            return


async def _page(database: Database, job_id: UUID, *, after: int) -> Sequence[StoredEvent]:
    try:
        async with database.reading() as session:
            return await read_after(session, job_id, after=after, limit=PAGE)
    except DatabaseUnavailable:
        return ()


async def stream(
    database: Database, wakeups: WakeUpListener, job_id: UUID, cursor: EventCursor
) -> AsyncIterator[bytes]:
    """Iterate over the frames of the events after the cursor, with comments when idle and a last `event: end`."""
    with STREAM_FOLLOWERS.track_inprogress():
        yield f"retry: {RETRY_MS}\n\n".encode()
        if cursor.is_end:  # a browser reconnects automatically after the last frame
            yield END
            return
        sent_at = time.monotonic()
        async for event in follow(database, wakeups, job_id, after=cursor.after):
            if isinstance(event, DeltaRead):
                yield f"event: delta\ndata: {event.body}\n\n".encode()
            elif event is not None:
                yield frame(event)
            elif time.monotonic() - sent_at >= HEARTBEAT_S:
                yield b": still here\n\n"
            else:
                continue
            sent_at = time.monotonic()
        yield END


def frame(event: EventRead) -> bytes:
    """Return an event as a frame. Its JSON has no line breaks, so it is one `data:` line."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()
