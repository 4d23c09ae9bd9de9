"""Routes that read the steps of an agent, fork a job and continue a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Response
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config import Settings
from backend.execution.jobs import queries
from backend.execution.jobs.forks import service, steps
from backend.execution.jobs.forks.schemas import ContinuationCreate, ForkCreate
from backend.execution.jobs.forks.steps import StepRead
from backend.execution.jobs.schemas import JobRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency.dependencies import IdempotencyDep
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
    """Read a reply of an agent and the results of its calls in full. Events contain long ones only in part."""
    return await steps.get_step(session, principal, job_id, step)


@router.post("/jobs/{job_id}/fork", status_code=201, summary="Fork a job", response_model=JobRead)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def fork_job(
    job_id: UUID,
    body: ForkCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a job that continues the run of an agent after one of its steps, with the changes that you request.

    A fork of a function starts with the stored results of its first durable steps. A fork of a flow starts with the
    stored results of the steps before the named one, which cost nothing and start no jobs.
    """
    create = partial(service.fork, session, principal, job_id, body)
    return await idempotent.run(
        session, principal, partial(_submit, create, session, principal, context.settings)
    )


@router.post(
    "/jobs/{job_id}/continue",
    status_code=201,
    summary="Continue a job",
    response_model=JobRead,
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def continue_job(
    job_id: UUID,
    body: ContinuationCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a job that continues the whole conversation of a finished agent with new inputs."""
    create = partial(service.continue_run, session, principal, job_id, body)
    return await idempotent.run(
        session, principal, partial(_submit, create, session, principal, context.settings)
    )


async def _submit(
    create: Callable[..., Awaitable[UUID]], session: AsyncSession, principal: Principal, settings: Settings
) -> JobRead:
    """Create the job that continues another one, and return it."""
    job_id = await create(prices=PriceList.of(settings), max_queued=settings.max_queued_jobs)
    return await queries.get_job(session, principal, job_id)
