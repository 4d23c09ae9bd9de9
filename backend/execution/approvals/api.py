"""Routes of approvals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.http.paging import PageDep, linked
from backend.execution.approvals import service
from backend.execution.approvals.schemas import ApprovalRead, ApprovalStatus, ApproveCreate, DecisionCreate
from backend.execution.approvals.service import ApprovalFilter
from backend.execution.approvals.tables import Approval
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment

router = APIRouter(route_class=AuthorizedRoute, tags=["approvals"])


def _filters(
    *,
    status: ApprovalStatus | None = None,
    job_id: UUID | None = None,
    skill: Annotated[str | None, Query(max_length=200)] = None,
    environment: Environment | None = None,
    session_id: UUID | None = None,
    until: AwareDatetime | None = None,
) -> ApprovalFilter:
    return ApprovalFilter(status, job_id, skill, environment, session_id, until)


FilterDep = Annotated[ApprovalFilter, Depends(_filters)]


@router.get("/approvals", summary="List approvals")
@permissions.needs("approvals:read")
async def list_approvals(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    filters: FilterDep,
) -> Sequence[ApprovalRead]:
    """List approvals, newest first; `status=pending` lists those that wait for a decision.

    `skill`, `environment` and `session_id` are those of the job. `until` lists those that were requested at or before
    a time.
    """
    found = await service.list_approvals(session, principal, page, filters)
    approvals = linked(request, response, found)
    jobs = await service.jobs_of(session, principal, approvals)
    return [ApprovalRead.of(one, principal, jobs.get(one.job_id)) for one in approvals]


@router.get("/approvals/{approval_id}", summary="Get an approval")
@permissions.needs("approvals:read")
async def get_approval(approval_id: UUID, principal: PrincipalDep, session: SessionDep) -> ApprovalRead:
    """Return an approval of a job that the caller can see."""
    return await _read(session, principal, await service.get(session, principal, approval_id))


@router.post("/approvals/{approval_id}/approve", summary="Approve a call")
@permissions.needs("approvals:write", role=Role.DEVELOPER)
async def approve(
    approval_id: UUID, principal: PrincipalDep, session: SessionDep, body: ApproveCreate | None = None
) -> ApprovalRead:
    """Approve a call, or a step of a flow. The job returns to the queue and makes exactly this call.

    With `arguments`, the call is made with these instead of its own. They, and values for the form of a step, are
    validated first; if they are not valid, nothing is decided.
    """
    given = body or ApproveCreate()
    decided = await service.decide(
        session,
        principal,
        approval_id,
        "approved",
        reason=given.reason,
        form=given.form,
        arguments=given.arguments,
    )
    return await _read(session, principal, decided)


@router.post("/approvals/{approval_id}/deny", summary="Reject a call")
@permissions.needs("approvals:write", role=Role.DEVELOPER)
async def deny(
    approval_id: UUID, principal: PrincipalDep, session: SessionDep, body: DecisionCreate | None = None
) -> ApprovalRead:
    """Reject a call. The call is not made; the agent receives the reason and continues without it."""
    reason = body.reason if body is not None else ""
    decided = await service.decide(session, principal, approval_id, "denied", reason=reason)
    return await _read(session, principal, decided)


async def _read(session: AsyncSession, principal: Principal, approval: Approval) -> ApprovalRead:
    jobs = await service.jobs_of(session, principal, [approval])
    return ApprovalRead.of(approval, principal, jobs.get(approval.job_id))
