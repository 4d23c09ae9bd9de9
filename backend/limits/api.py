"""Routes of a project's limits."""

from __future__ import annotations

from fastapi import APIRouter

from backend.auth.dependencies import InstanceDep, SessionDep
from backend.auth.principal import Role
from backend.limits import service
from backend.limits.schemas import LimitChanges, LimitsAnswer, defaults_of
from backend.projects.api import InProjectDep

router = APIRouter(tags=["projects"])


@router.get("/projects/{project}/limits", summary="Read a project's limits")
async def get_limits(principal: InProjectDep, session: SessionDep, instance: InstanceDep) -> LimitsAnswer:
    """How much of everything the project may have."""
    principal.require(Role.VIEWER, "project:read")
    return LimitsAnswer.of(await service.own_limits(session, principal), defaults_of(instance.settings))


@router.patch("/projects/{project}/limits", summary="Change a project's limits")
async def change_limits(
    asked: LimitChanges, principal: InProjectDep, session: SessionDep, instance: InstanceDep
) -> LimitsAnswer:
    """Give the project limits of its own; for operators of the instance."""
    principal.require(Role.ADMIN, "project:write")
    changes: dict[str, int | None] = asked.model_dump(exclude_unset=True)
    return LimitsAnswer.of(await service.change(session, principal, changes), defaults_of(instance.settings))
