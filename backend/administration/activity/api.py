"""The route of the activity of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from backend.administration.activity import service
from backend.administration.activity.schemas import ActivityCategory, ActivityRead
from backend.administration.activity.service import ActivityFilter
from backend.core.http.paging import PageDep, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["activity"])


@router.get("/activity", summary="List the activity of the project")
@permissions.needs("audit:read")
async def list_activity(
    request: Request,
    response: Response,
    page: PageDep,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    category: ActivityCategory | None = None,
    actor: Annotated[
        str | None, Query(max_length=200, description="`user:<e-mail>`, `key:<prefix>`, `system`…")
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Start time, with a time zone.")] = None,
) -> Sequence[ActivityRead]:
    """List what members, keys and jobs did in the project, newest first.

    Every member can read it. What only admins may see elsewhere, such as API keys, is left out for others.
    """
    filters = ActivityFilter(category=category, actor=actor, since=since)
    return linked(request, response, await service.list_activity(session, principal, filters, page))
