"""Define the routes of skillpacks; `{skillpack}` is an ID or a slug."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.skills.skillpacks import service
from backend.skills.skillpacks.schemas import SkillpackCreate, SkillpackRead

router = APIRouter(route_class=AuthorizedRoute, tags=["skillpacks"])


@router.get("/skillpacks")
@permissions.needs("deployments:read")
async def list_skillpacks(
    principal: PrincipalDep,
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=service.MAX_LISTED)] = service.MAX_LISTED,
) -> list[SkillpackRead]:
    """List the project's skillpacks, the default one first."""
    return [SkillpackRead.of(pack) for pack in await service.list_(session, principal, limit=limit)]


@router.post("/skillpacks", status_code=201, response_model=SkillpackRead)
@permissions.needs("deployments:write", role=Role.DEVELOPER)
async def create_skillpack(
    asked: SkillpackCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a skillpack."""
    principal.require(Role.DEVELOPER, "deployments:write")

    async def make() -> SkillpackRead:
        made = await service.create(
            session,
            principal,
            name=asked.name,
            slug=asked.slug,
            description=asked.description,
            quotas=context.settings.quotas,
        )
        return SkillpackRead.of(made)

    return await idempotent.run(session, principal, make)


@router.get("/skillpacks/{skillpack}")
@permissions.needs("deployments:read")
async def get_skillpack(skillpack: str, principal: PrincipalDep, session: SessionDep) -> SkillpackRead:
    """Return one skillpack."""
    principal.require(Role.VIEWER, "deployments:read")
    return SkillpackRead.of(await service.get(session, principal, skillpack))
