"""Read the events of a job for a principal who may see it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.execution.events.errors import EventsGone
from backend.execution.events.queries import MAX_EVENTS, EventCursor, StoredEvent, is_next_kept, read_after
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible


async def event_cursor(
    session: AsyncSession, principal: Principal, job_id: UUID, *, after: int = 0
) -> EventCursor:
    """Return the cursor after the event `after`, for a principal that can see the job.

    Raises:
        JobNotFound: The principal can see no such job.
        EventsGone: Retention has deleted the events.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    query = visible(Job, principal).where(col(Job.id) == job_id)
    found = (
        await session.execute(
            query.with_only_columns(
                col(Job.event_seq), col(Job.status), is_next_kept(job_id, after).label("is_kept")
            )
        )
    ).one_or_none()
    if found is None:
        raise JobNotFound(job_id)
    if after < found.event_seq and not found.is_kept:
        raise EventsGone(job_id)
    return EventCursor(min(after, found.event_seq), found.status in TERMINAL and after >= found.event_seq)


async def list_events(
    session: AsyncSession, principal: Principal, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[StoredEvent]:
    """Return the events with numbers above `after`, for a principal that can see the job.

    Raises:
        JobNotFound: The principal can see no such job.
        EventsGone: Retention has deleted the events.
    """
    await event_cursor(session, principal, job_id, after=after)
    return await read_after(session, job_id, after=after, limit=limit)
