"""Reading a job's events by number."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth.principal import Principal, Role, visible
from backend.events.tables import JobEvent
from backend.jobs.errors import JobNotFound
from backend.jobs.tables import Job

MAX_EVENTS = 10_000


async def check_visible(session: AsyncSession, principal: Principal, job_id: UUID) -> None:
    """Make sure that the principal may read the job's events.

    Raises:
        JobNotFound: there is no such job for it.
    """
    principal.require(Role.VIEWER, "jobs:read")
    query = visible(Job, principal).where(col(Job.id) == job_id).with_only_columns(col(Job.id))
    if (await session.execute(query)).scalar_one_or_none() is None:
        raise JobNotFound(job_id)


async def read_after(
    session: AsyncSession, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[JobEvent]:
    """The events of a job that was checked before, with numbers above `after`, in order."""
    query = (
        select(JobEvent)
        .where(col(JobEvent.job_id) == job_id, col(JobEvent.seq) > after)
        .order_by(col(JobEvent.seq))
        .limit(limit)
    )
    return (await session.execute(query)).scalars().all()


async def list_events(
    session: AsyncSession, principal: Principal, job_id: UUID, *, after: int = 0, limit: int = MAX_EVENTS
) -> Sequence[JobEvent]:
    """The job's events above a number, for somebody who may see it.

    Raises:
        JobNotFound: there is no such job for the principal.
    """
    await check_visible(session, principal, job_id)
    return await read_after(session, job_id, after=after, limit=limit)
