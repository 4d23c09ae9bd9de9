"""Routes of schedules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backend.core.clock import now
from backend.core.db.paging import Page
from backend.core.http.paging import PageDep, linked
from backend.execution.schedules import runs, service
from backend.execution.schedules.cron import MAX_CHARACTERS
from backend.execution.schedules.dispatcher import JobDefaults
from backend.execution.schedules.schemas import (
    ScheduleCreate,
    ScheduleDetailRead,
    SchedulePreviewRead,
    ScheduleRead,
    ScheduleRunRead,
    ScheduleUpdate,
    UpcomingTimesRead,
)
from backend.execution.schedules.tables import Schedule
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, prefix="/schedules", tags=["schedules"])

UPCOMING_COUNT = 5
RUN_COUNT = 10
MAX_PREVIEW_COUNT = 50


@router.post("", status_code=201, summary="Create a schedule", response_model=ScheduleDetailRead)
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def create_schedule(
    body: ScheduleCreate, principal: PrincipalDep, session: SessionDep, *, idempotent: IdempotencyDep
) -> Response:
    """Create a schedule that runs a skill at the times of a cron expression. The inputs are validated now."""

    async def create() -> ScheduleDetailRead:
        return _detail(await service.create(session, principal, body), [])

    return await idempotent.run(session, principal, create)


@router.get("", summary="List schedules")
@permissions.needs("schedules:read")
async def list_schedules(principal: PrincipalDep, session: SessionDep) -> Sequence[ScheduleRead]:
    """List the schedules of the project, sorted by name."""
    return [ScheduleRead(**_fields(schedule)) for schedule in await service.list_all(session, principal)]


@router.get("/preview", summary="Preview a cron expression")
@permissions.needs("schedules:read")
async def preview_schedule(
    principal: PrincipalDep,
    *,
    cron: Annotated[str, Query(min_length=1, max_length=MAX_CHARACTERS)],
    time_zone: Annotated[str, Query(min_length=1, max_length=100)] = "UTC",
    count: Annotated[int, Query(ge=1, le=MAX_PREVIEW_COUNT)] = UPCOMING_COUNT,
) -> SchedulePreviewRead:
    """Return the next times of a cron expression in a time zone, or why it is not valid.

    Nothing is stored.
    """
    principal.require(Role.VIEWER, "schedules:read")
    clock = service.parse_clock(cron, time_zone)
    return SchedulePreviewRead(
        cron=cron, time_zone=time_zone, next_runs=UpcomingTimesRead.first(clock, count, now())
    )


@router.get("/{schedule_id}", summary="Read a schedule")
@permissions.needs("schedules:read")
async def get_schedule(schedule_id: UUID, principal: PrincipalDep, session: SessionDep) -> ScheduleDetailRead:
    """Read a schedule with its next five times and its last ten runs."""
    schedule = await service.get(session, principal, schedule_id)
    last_runs = await runs.list_runs(session, principal, schedule_id, Page(limit=RUN_COUNT))
    return _detail(schedule, last_runs.items)


@router.patch("/{schedule_id}", summary="Change a schedule")
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def change_schedule(
    schedule_id: UUID, body: ScheduleUpdate, principal: PrincipalDep, session: SessionDep
) -> ScheduleRead:
    """Change the times, the inputs or other settings, or turn the schedule off or on.

    Times that passed while it was off do not count as missed.
    """
    return ScheduleRead(**_fields(await service.update(session, principal, schedule_id, body)))


@router.delete("/{schedule_id}", status_code=204, summary="Delete a schedule")
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def delete_schedule(schedule_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a schedule. Its jobs stay."""
    await service.delete(session, principal, schedule_id)


@router.post(
    "/{schedule_id}/run", status_code=201, summary="Run a schedule now", response_model=ScheduleRunRead
)
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def run_schedule(
    schedule_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Submit the job of a schedule immediately, in addition to its scheduled times."""

    async def create() -> ScheduleRunRead:
        terms = JobDefaults(PriceList.of(context.settings), context.settings.max_queued_jobs)
        return await runs.run_now(session, principal, schedule_id, terms)

    return await idempotent.run(session, principal, create)


@router.get("/{schedule_id}/runs", summary="List the runs of a schedule")
@permissions.needs("schedules:read")
async def list_schedule_runs(
    schedule_id: UUID,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
) -> Sequence[ScheduleRunRead]:
    """List the runs of a schedule, newest first."""
    return linked(request, response, await runs.list_runs(session, principal, schedule_id, page))


def _fields(schedule: Schedule) -> dict[str, Any]:
    fields = schedule.model_dump(exclude={"project_id", "skill_name", "job_metadata"})
    if not schedule.listing:
        fields |= {"listing": None, "max_price_micros": None}
    return {**fields, "skill": schedule.skill_name, "metadata": schedule.job_metadata}


def _detail(schedule: Schedule, last_runs: Sequence[ScheduleRunRead]) -> ScheduleDetailRead:
    next_runs: list[UpcomingTimesRead] = []
    if schedule.enabled:
        next_runs = UpcomingTimesRead.first(
            service.parse_clock(schedule.cron, schedule.time_zone), UPCOMING_COUNT, now()
        )
    return ScheduleDetailRead(**_fields(schedule), next_runs=next_runs, last_runs=list(last_runs))
