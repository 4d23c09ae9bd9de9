"""Routes of approvals."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.execution.approvals import service
from backend.execution.approvals.schemas import ApprovalRead, ApprovalStatus, ApproveCreate, DecisionCreate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, tags=["approvals"])


@router.get("/approvals", summary="List approvals")
@permissions.needs("approvals:read")
async def list_approvals(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    status: ApprovalStatus | None = None,
    job_id: UUID | None = None,
) -> Sequence[ApprovalRead]:
    """List approvals, newest first; `status=pending` lists those that wait for a decision."""
    approvals = await service.list_approvals(session, principal, page, status=status, job_id=job_id)
    return [ApprovalRead.of(approval, principal) for approval in linked(request, response, approvals)]


@router.post("/approvals/{approval_id}/approve", summary="Approve a call")
@permissions.needs("approvals:write", role=Role.DEVELOPER)
async def approve(
    approval_id: UUID, principal: PrincipalDep, session: SessionDep, body: ApproveCreate | None = None
) -> ApprovalRead:
    """Approve a call, or a step of a flow. The job returns to the queue and makes exactly this call.

    Values for the form of a step are validated first; if they are not valid, nothing is decided.
    """
    given = body or ApproveCreate()
    decided = await service.decide(
        session, principal, approval_id, "approved", reason=given.reason, form=given.form
    )
    return ApprovalRead.of(decided, principal)


@router.post("/approvals/{approval_id}/deny", summary="Reject a call")
@permissions.needs("approvals:write", role=Role.DEVELOPER)
async def deny(
    approval_id: UUID, principal: PrincipalDep, session: SessionDep, body: DecisionCreate | None = None
) -> ApprovalRead:
    """Reject a call. The call is not made; the agent receives the reason and continues without it."""
    reason = body.reason if body is not None else ""
    decided = await service.decide(session, principal, approval_id, "denied", reason=reason)
    return ApprovalRead.of(decided, principal)
