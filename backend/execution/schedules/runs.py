"""List the runs of a schedule, and run one immediately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.metrics import transactional
from backend.core.metrics.instruments import SCHEDULE_RUNS
from backend.execution.jobs.tables import Job
from backend.execution.schedules import dispatcher, service
from backend.execution.schedules.dispatcher import JobDefaults
from backend.execution.schedules.schemas import ScheduleRunRead
from backend.execution.schedules.tables import ScheduleRun
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible


async def list_runs(
    session: AsyncSession, principal: Principal, schedule_id: UUID, page: Page
) -> Slice[ScheduleRunRead]:
    """Return the runs of a schedule, newest first.

    Raises:
        ScheduleNotFound: The project has no such schedule.
    """
    principal.require(Role.VIEWER, "schedules:read")
    schedule = await service.get(session, principal, schedule_id)
    query = visible(ScheduleRun, principal).where(col(ScheduleRun.schedule_id) == schedule.id)
    below = page.time_position()
    if below is not None:
        query = query.where(tuple_(col(ScheduleRun.due_at), col(ScheduleRun.id)) < (below.at, below.id))
    newest = (col(ScheduleRun.due_at).desc(), col(ScheduleRun.id).desc())
    rows: Sequence[ScheduleRun] = (await session.scalars(query.order_by(*newest).limit(page.limit + 1))).all()
    views = await _views(session, principal, rows)
    return page.slice(views, lambda run: (run.due_at, run.id))


async def run_now(
    session: AsyncSession, principal: Principal, schedule_id: UUID, defaults: JobDefaults
) -> ScheduleRunRead:
    """Submit the job of a schedule immediately, regardless of its other jobs and of whether it is on.

    Raises:
        ScheduleNotFound: The project has no such schedule.
        PurasError: The job is rejected.
    """
    schedule = await service.get_locked(session, principal, schedule_id)
    due_at = now()
    metadata = {"schedule_id": str(schedule.id), "schedule_due_at": due_at.isoformat()}
    job_id = await dispatcher.submit_job(session, defaults, schedule, metadata, by_agent=principal.is_agent)
    run = ScheduleRun(
        schedule_id=schedule.id,
        project_id=schedule.project_id,
        due_at=due_at,
        by_hand=True,
        job_id=job_id,
        reason=f"Requested by {principal.label}.",
    )
    session.add(run)
    await session.flush()
    transactional.note(session, SCHEDULE_RUNS.labels("submitted"))
    await audit.record(
        session, principal, "schedule.run_asked", f"schedule:{schedule.id}", job_id=str(job_id)
    )
    return (await _views(session, principal, [run]))[0]


async def _views(
    session: AsyncSession, principal: Principal, rows: Sequence[ScheduleRun]
) -> list[ScheduleRunRead]:
    job_ids = [row.job_id for row in rows if row.job_id is not None]
    query = select(col(Job.id), col(Job.status)).where(
        col(Job.project_id) == principal.project_id, col(Job.id).in_(job_ids)
    )
    status_rows = (await session.execute(query)).all() if job_ids else []
    status: dict[UUID, Any] = {row.id: row.status for row in status_rows}
    return [
        ScheduleRunRead(**row.model_dump(), job_status=status.get(row.job_id) if row.job_id else None)
        for row in rows
    ]
