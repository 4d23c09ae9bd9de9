"""Routes of a project's limits."""

from __future__ import annotations

from fastapi import APIRouter

from backend.auth.dependencies import InstanceDep, SessionDep
from backend.auth.principal import Role
from backend.config import Settings
from backend.limits import service
from backend.limits.quotas import Quota
from backend.limits.schemas import REQUESTS, LimitChanges, LimitsAnswer
from backend.projects.api import InProjectDep

router = APIRouter(tags=["projects"])


@router.get("/projects/{project}/limits", summary="Read a project's limits")
async def get_limits(principal: InProjectDep, session: SessionDep, instance: InstanceDep) -> LimitsAnswer:
    """How much of everything the project may have."""
    principal.require(Role.VIEWER, "project:read")
    return LimitsAnswer.of(await service.own_limits(session, principal), _defaults(instance.settings))


@router.patch("/projects/{project}/limits", summary="Change a project's limits")
async def change_limits(
    asked: LimitChanges, principal: InProjectDep, session: SessionDep, instance: InstanceDep
) -> LimitsAnswer:
    """Give the project limits of its own; for operators of the instance."""
    principal.require(Role.ADMIN, "project:write")
    changes: dict[str, int | None] = asked.model_dump(exclude_unset=True)
    return LimitsAnswer.of(await service.change(session, principal, changes), _defaults(instance.settings))


def _defaults(settings: Settings) -> dict[str, int | None]:
    quotas: dict[str, int | None] = {name: getattr(settings.quotas, name) for name in Quota}
    return {**quotas, REQUESTS: settings.project_requests_per_minute}
