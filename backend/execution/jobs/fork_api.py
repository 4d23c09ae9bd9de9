"""Routes of the steps of agents' jobs, and by which jobs go on from them as new ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config import Settings
from backend.execution.jobs import fork, queries, steps
from backend.execution.jobs.fork import ContinuationCreate, ForkCreate
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.steps import StepRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency.dependencies import OnceDep
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/jobs/{job_id}/steps/{step}", summary="Read a step of an agent")
@permissions.needs("jobs:read_own")
async def get_step(
    job_id: UUID,
    step: Annotated[int, Path(ge=1, le=10_000, description="Number of the reply, from 1 on.")],
    principal: PrincipalDep,
    session: SessionDep,
) -> StepRead:
    """A reply and the results of its calls, whole: events tell long ones only in part."""
    return await steps.get_step(session, principal, job_id, step)


@router.post(
    "/jobs/{job_id}/fork", status_code=201, summary="Go on from a step of an agent", response_model=JobRead
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def fork_job(
    job_id: UUID,
    asked: ForkCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    once: OnceDep,
) -> Response:
    """A new job with all that was said and done up to the step, and with other results of calls where you give them."""
    act = partial(fork.fork, session, principal, job_id, asked)
    return await once.answer(session, principal, partial(_submit, act, session, principal, context.settings))


@router.post(
    "/jobs/{job_id}/continue",
    status_code=201,
    summary="Go on behind the end of an agent",
    response_model=JobRead,
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def continue_job(
    job_id: UUID,
    asked: ContinuationCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    once: OnceDep,
) -> Response:
    """A new job with the whole conversation, which is told the new inputs."""
    act = partial(fork.go_on, session, principal, job_id, asked)
    return await once.answer(session, principal, partial(_submit, act, session, principal, context.settings))


async def _submit(
    act: Callable[..., Awaitable[UUID]], session: AsyncSession, principal: Principal, settings: Settings
) -> JobRead:
    """Create the job that continues another one, and return it."""
    job_id = await act(prices=PriceList.of(settings), most_queued=settings.max_queued_jobs)
    return await queries.get_job(session, principal, job_id)
