"""Routes of saved views of the list of jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path

from backend.execution.jobs.views import service
from backend.execution.jobs.views.schemas import MAX_NAME_CHARACTERS, JobViewRead, JobViewUpdate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, prefix="/job-views", tags=["jobs"])

_Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME_CHARACTERS)]


@router.get("", summary="List saved views of jobs")
@permissions.needs("jobs:read", is_for_publishable=False)
async def list_job_views(principal: PrincipalDep, session: SessionDep) -> Sequence[JobViewRead]:
    """List the views of the list of jobs that the user has saved in this project, sorted by name."""
    return await service.list_views(session, principal)


@router.put("/{name}", summary="Save a view of jobs")
@permissions.needs("jobs:read", is_for_publishable=False)
async def put_job_view(
    name: _Name, body: JobViewUpdate, principal: PrincipalDep, session: SessionDep
) -> JobViewRead:
    """Save filters, order and columns of the list of jobs under a name. A view of the same name is replaced.

    Other users do not see it. To share a view, share the URL of the page.
    """
    return await service.put_view(session, principal, name, body)


@router.delete("/{name}", status_code=204, summary="Delete a saved view of jobs")
@permissions.needs("jobs:read", is_for_publishable=False)
async def delete_job_view(name: _Name, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a saved view of the user."""
    await service.delete_view(session, principal, name)
