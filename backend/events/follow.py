"""Following a job: one async generator that every live reading stands on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from backend.db import Database
from backend.events.append import TERMINAL_TYPES
from backend.events.queries import read_after
from backend.events.schemas import EventView
from backend.events.wakeups import WakeUps

REREAD_S = 1.0
"""Events are read again at least this often, whether Redis rings or not."""
PAGE = 500


async def follow(
    database: Database, wakeups: WakeUps, job_id: UUID, *, after: int = 0
) -> AsyncIterator[EventView | None]:
    """Every event of the job above `after`, in order, without gap or repeat, up to and with its last one.

    None is given when nothing happened for a while, so that the caller can send a heartbeat or look at its own clock.
    Holds no connection while it waits.
    """
    with wakeups.bell(job_id) as bell:
        while True:
            async with database.glance() as session:
                page = await read_after(session, job_id, after=after, limit=PAGE)
            for event in page:
                after = event.seq
                yield EventView.of(event)
                if event.type in TERMINAL_TYPES:
                    return
            if len(page) < PAGE:
                if not page:
                    yield None
                await bell.wait(REREAD_S)
