"""Server-sent events: the wire form of `follow`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from uuid import UUID

from backend.core.db.engine import Database
from backend.core.metrics.instruments import STREAM_FOLLOWERS
from backend.core.wakeups import WakeUps
from backend.execution.events.follow import DeltaRead, follow
from backend.execution.events.queries import Place
from backend.execution.events.schemas import EventRead

HEARTBEAT_S = 15.0
RETRY_MS = 1000
END = b"event: end\ndata: {}\n\n"


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
