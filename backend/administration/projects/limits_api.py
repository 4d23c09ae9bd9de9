"""Routes of a project's limits."""

from __future__ import annotations

from fastapi import APIRouter

from backend.administration.projects.api import InProjectDep
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.limits import service
from backend.identity.limits.schemas import LimitsRead, LimitsUpdate, defaults_of

router = APIRouter(route_class=AuthorizedRoute, tags=["projects"])


@router.get("/projects/{project}/limits", summary="Read a project's limits")
@permissions.needs("project:read")
async def get_limits(principal: InProjectDep, session: SessionDep, context: ContextDep) -> LimitsRead:
    """Return the effective limits of the project, its own limits and its ceilings."""
    principal.require(Role.VIEWER, "project:read")
    return LimitsRead.of(await service.limits_of(session, principal), defaults_of(context.settings))


@router.patch("/projects/{project}/limits", summary="Change a project's limits")
@permissions.needs("project:write", role=Role.ADMIN)
async def change_limits(
    body: LimitsUpdate, principal: InProjectDep, session: SessionDep, context: ContextDep
) -> LimitsRead:
    """Lower the limits of the project below the operator's ceilings; an operator sets the ceilings themselves."""
    principal.require(Role.ADMIN, "project:write")
    changes: dict[str, int | None] = body.model_dump(exclude_unset=True)
    defaults = defaults_of(context.settings)
    return LimitsRead.of(await service.change(session, principal, changes, defaults), defaults)
