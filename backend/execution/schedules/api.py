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
from backend.execution.schedules.dispatcher import Terms
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
from backend.identity.idempotency.dependencies import OnceDep
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, prefix="/schedules", tags=["schedules"])

NEXT_SHOWN = 5
LAST_SHOWN = 10
MAX_PREVIEWED = 50


@router.post("", status_code=201, summary="Make a schedule", response_model=ScheduleDetailRead)
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def create_schedule(
    asked: ScheduleCreate, principal: PrincipalDep, session: SessionDep, *, once: OnceDep
) -> Response:
    """Have a skill run by the clock of a place. Its inputs are checked now."""

    async def make() -> ScheduleDetailRead:
        return _detail(await service.create(session, principal, asked), [])

    return await once.answer(session, principal, make)


@router.get("", summary="List the schedules")
@permissions.needs("schedules:read")
async def list_schedules(principal: PrincipalDep, session: SessionDep) -> Sequence[ScheduleRead]:
    """Every schedule of the project, by name."""
    return [ScheduleRead(**_shown(one)) for one in await service.list_all(session, principal)]


@router.get("/preview", summary="When a cron expression comes")
@permissions.needs("schedules:read")
async def preview_schedule(
    principal: PrincipalDep,
    *,
    cron: Annotated[str, Query(min_length=1, max_length=MAX_CHARACTERS)],
    time_zone: Annotated[str, Query(min_length=1, max_length=100)] = "UTC",
    count: Annotated[int, Query(ge=1, le=MAX_PREVIEWED)] = NEXT_SHOWN,
) -> SchedulePreviewRead:
    """The next moments of an expression in a time zone, or what is wrong with it; nothing is kept."""
    principal.require(Role.VIEWER, "schedules:read")
    clock = service.read(cron, time_zone)
    return SchedulePreviewRead(
        cron=cron, time_zone=time_zone, next_runs=UpcomingTimesRead.first(clock, count, now())
    )


@router.get("/{schedule_id}", summary="Read a schedule")
@permissions.needs("schedules:read")
async def get_schedule(schedule_id: UUID, principal: PrincipalDep, session: SessionDep) -> ScheduleDetailRead:
    """A schedule with its next five moments, and what the last ten came to."""
    schedule = await service.get(session, principal, schedule_id)
    last = await runs.list_some(session, principal, schedule_id, Page(limit=LAST_SHOWN))
    return _detail(schedule, last.items)


@router.patch("/{schedule_id}", summary="Change a schedule")
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def change_schedule(
    schedule_id: UUID, asked: ScheduleUpdate, principal: PrincipalDep, session: SessionDep
) -> ScheduleRead:
    """Change when it comes, with what, or switch it off or on; moments that passed meanwhile are not missed."""
    return ScheduleRead(**_shown(await service.change(session, principal, schedule_id, asked)))


@router.delete("/{schedule_id}", status_code=204, summary="Delete a schedule")
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def delete_schedule(schedule_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Forget a schedule; its jobs stay."""
    await service.delete(session, principal, schedule_id)


@router.post(
    "/{schedule_id}/run", status_code=201, summary="Run a schedule now", response_model=ScheduleRunRead
)
@permissions.needs("schedules:write", "jobs:submit", role=Role.DEVELOPER)
async def run_schedule(
    schedule_id: UUID, principal: PrincipalDep, session: SessionDep, context: ContextDep, *, once: OnceDep
) -> Response:
    """Submit the job of a schedule immediately, in addition to its scheduled times."""

    async def make() -> ScheduleRunRead:
        terms = Terms(PriceList.of(context.settings), context.settings.max_queued_jobs)
        return await runs.run_now(session, principal, schedule_id, terms)

    return await once.answer(session, principal, make)


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
    """What its moments came to, the latest first."""
    return linked(request, response, await runs.list_some(session, principal, schedule_id, page))


def _shown(schedule: Schedule) -> dict[str, Any]:
    own = schedule.model_dump(exclude={"project_id", "skill_name", "job_metadata"})
    if not schedule.listing:
        own |= {"listing": None, "most_price_micros": None}
    return {**own, "skill": schedule.skill_name, "metadata": schedule.job_metadata}


def _detail(schedule: Schedule, last: Sequence[ScheduleRunRead]) -> ScheduleDetailRead:
    coming: list[UpcomingTimesRead] = []
    if schedule.enabled:
        coming = UpcomingTimesRead.first(service.read(schedule.cron, schedule.time_zone), NEXT_SHOWN, now())
    return ScheduleDetailRead(**_shown(schedule), next_runs=coming, last_runs=list(last))
