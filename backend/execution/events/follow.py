"""Follow the events of a job, and send them as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from backend.core.db.connections import DatabaseUnavailable
from backend.core.db.engine import Database
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.core.wakeups import Bell, WakeUps
from backend.execution.events.append import TERMINAL_TYPES
from backend.execution.events.queries import Place, read_after
from backend.execution.events.schemas import EventRead
from backend.execution.events.tables import JobEvent

REREAD_S = 1.0
"""Events are read again at least this often, whether Redis rings or not."""
PAGE = 500
HEARTBEAT_S = 15.0
RETRY_MS = 1000
END = b"event: end\ndata: {}\n\n"


@dataclass(frozen=True, slots=True)
class DeltaRead:
    """A piece of a reply as it comes: `{"job_id", "step", "text"}` as JSON. Not an event: it may be missed."""

    body: str


async def follow(
    database: Database, wakeups: WakeUps, job_id: UUID, *, after: int = 0
) -> AsyncIterator[EventRead | DeltaRead | None]:
    """Every event of the job above `after`, in order, without gap or repeat, up to and with its last one.

    Between them, pieces of the replies that a model is giving. None is given when nothing happened for a while, so that
    the caller can send a heartbeat or look at its own clock. Holds no connection while it waits, and takes a database
    that is away for one where nothing happens.
    """
    with wakeups.bell(job_id) as bell:
        while True:
            page = await _page(database, job_id, after=after)
            for event in page:
                after = event.seq
                yield EventRead.of(event)
                if event.type in TERMINAL_TYPES:
                    return
            if len(page) < PAGE:
                if not page:
                    yield None
                async for delta in _until_news(bell):
                    yield delta


async def _until_news(bell: Bell) -> AsyncIterator[DeltaRead]:
    """The pieces of replies that come until there may be another event."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + REREAD_S
    while (left_s := deadline - loop.time()) > 0:
        await bell.wait(left_s)
        for delta in bell.deltas():
            yield DeltaRead(delta)
        if bell.has_news():
            return


async def _page(database: Database, job_id: UUID, *, after: int) -> Sequence[JobEvent]:
    try:
        async with database.reading() as session:
            return await read_after(session, job_id, after=after, limit=PAGE)
    except DatabaseUnavailable:
        return ()


async def stream(database: Database, wakeups: WakeUps, job_id: UUID, place: Place) -> AsyncIterator[bytes]:
    """The job's events behind the place as frames, a comment every 15 s of silence, and `event: end` as the last."""
    with STREAM_FOLLOWERS.track_inprogress():
        yield f"retry: {RETRY_MS}\n\n".encode()
        if place.is_the_end:  # a browser asks again by itself after the last frame
            yield END
            return
        sent_at = time.monotonic()
        async for event in follow(database, wakeups, job_id, after=place.after):
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
    """One event as a frame; its JSON has no line breaks, so it is one `data:` line."""
    return f"id: {event.id}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n".encode()
