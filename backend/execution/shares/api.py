"""Routes of links that share jobs."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.client_ip import address_of
from backend.execution.shares import service
from backend.execution.shares.schemas import JobShareCreate, JobShareCreated, JobShareRead, SharedJobRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.rate_limits.requests import Policy, reject_exceeded
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])

PAGE_PATH: Final = "/shared-job"
"""The page of the studio that shows a shared job; the token is behind `#`, which browsers do not send."""
MAX_REQUESTS: Final = 60
"""Maximum requests of one address for shared jobs per minute."""


@router.post("/jobs/{job_id}/shares", status_code=201, summary="Share a job", response_model=JobShareCreated)
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def share_job(
    job_id: UUID,
    body: JobShareCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a link to a page that shows status, spans and result of a job, to everyone who has it, until it expires.

    The page never shows inputs, log, events or secrets. A result can contain parts of the inputs.
    """
    origin = context.settings.url
    return await idempotent.run(
        session, principal, partial(_create, session, principal, job_id, body, origin=origin)
    )


async def _create(
    session: AsyncSession, principal: Principal, job_id: UUID, body: JobShareCreate, *, origin: str
) -> JobShareCreated:
    share, token = await service.create(session, principal, job_id, body)
    return JobShareCreated(**JobShareRead.of(share).model_dump(), url=f"{origin}{PAGE_PATH}#{token}")


@router.get("/jobs/{job_id}/shares", summary="List the links of a job")
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def list_job_shares(job_id: UUID, principal: PrincipalDep, session: SessionDep) -> list[JobShareRead]:
    """List the links of a job that have not expired, newest first, without their secret parts."""
    return [JobShareRead.of(share) for share in await service.list_(session, principal, job_id)]


@router.delete("/jobs/{job_id}/shares/{share_id}", status_code=204, summary="Revoke a link of a job")
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def revoke_job_share(
    job_id: UUID, share_id: UUID, principal: PrincipalDep, session: SessionDep
) -> None:
    """Revoke a link. It stops working immediately."""
    await service.revoke(session, principal, job_id, share_id)


@router.get("/shared-job", summary="Read a shared job")
@permissions.open_to_all()
async def read_shared_job(
    request: Request,
    response: Response,
    session: SessionDep,
    context: ContextDep,
    *,
    token: Annotated[
        str, Header(alias="X-Puras-Share", max_length=200, description="The part of the link after `#`.")
    ] = "",
) -> SharedJobRead:
    """Read what a link shows of a job. It needs no credentials but the token of the link."""
    await _limit(request)
    response.headers["Cache-Control"] = "no-store"
    return await service.open_shared(session, context.vault, token)


async def _limit(request: Request) -> None:
    """Limit the requests of one address, so that tokens cannot be guessed.

    Raises:
        RateExceeded: The address has sent too many.
    """
    counted = await request.app.state.rates.count([Policy("share", address_of(request.scope), MAX_REQUESTS)])
    reject_exceeded(counted)
