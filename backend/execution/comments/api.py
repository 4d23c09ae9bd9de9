"""Routes of comments on jobs."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.execution.comments import service
from backend.execution.comments.schemas import CommentCreate, CommentRead, CommentUpdate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/jobs/{job_id}/comments", summary="List the comments on a job")
@permissions.needs("jobs:read")
async def list_job_comments(
    job_id: UUID,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
) -> list[CommentRead]:
    """List the comments on a job, the oldest first."""
    found = await service.list_some(session, principal, job_id, page)
    return [CommentRead.of(one) for one in linked(request, response, found)]


@router.post(
    "/jobs/{job_id}/comments", status_code=201, summary="Comment on a job", response_model=CommentRead
)
@permissions.needs("jobs:submit", "jobs:read")
async def create_job_comment(
    job_id: UUID,
    body: CommentCreate,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Write a comment on a job, or on a step of it. A mentioned member receives an e-mail, and webhooks an event."""

    async def create() -> CommentRead:
        return CommentRead.of(await service.create(session, principal, job_id, body))

    return await idempotent.run(session, principal, create)


@router.patch("/jobs/{job_id}/comments/{comment_id}", summary="Edit a comment")
@permissions.needs("jobs:submit", "jobs:read")
async def update_job_comment(
    job_id: UUID, comment_id: UUID, body: CommentUpdate, principal: PrincipalDep, session: SessionDep
) -> CommentRead:
    """Change the text of a comment of the caller."""
    return CommentRead.of(await service.change(session, principal, job_id, comment_id, body))


@router.delete("/jobs/{job_id}/comments/{comment_id}", status_code=204, summary="Delete a comment")
@permissions.needs("jobs:submit", "jobs:read")
async def delete_job_comment(
    job_id: UUID, comment_id: UUID, principal: PrincipalDep, session: SessionDep
) -> None:
    """Delete a comment of the caller. Admins can delete those of others."""
    await service.delete(session, principal, job_id, comment_id)
