"""Define the routes of environments: what is active in each, promotions between them, and rollbacks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.publishing import promotion, views
from backend.publishing.api import SkillpackRef
from backend.publishing.promotion import Source
from backend.publishing.schemas import DeploymentRead, EnvironmentRead, PromotionCreate, PromotionRead
from backend.skills.skillpacks import service as skillpacks

router = APIRouter(route_class=AuthorizedRoute, tags=["environments"])

Force = Annotated[bool, Query(description="Skip the gates of production; for admins.")]


@router.get("/environments")
@router.get("/skillpacks/{skillpack}/environments")
@permissions.needs("deployments:read")
async def list_environments(
    principal: PrincipalDep, session: SessionDep, skillpack: SkillpackRef = None
) -> list[EnvironmentRead]:
    """List the environments with the active version of a skillpack in each."""
    pack = await skillpacks.get(session, principal, skillpack)
    return [EnvironmentRead.of(one, pack) for one in await promotion.list_active(session, principal, pack)]


@router.get("/environments/{environment}/promotion")
@router.get("/skillpacks/{skillpack}/environments/{environment}/promotion")
@permissions.needs("deployments:read")
async def review_promotion(
    *,
    environment: Environment,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    skillpack: SkillpackRef = None,
    source: Annotated[
        Environment | None,
        Query(description="Default: `development` for `staging`, `staging` for `production`."),
    ] = None,
    deployment: Annotated[
        str | None, Query(description="ID or number of a version, instead of what is active in `source`.")
    ] = None,
) -> PromotionRead:
    """Return what a promotion to this environment would change, and the state of its checks. Nothing changes."""
    found = await promotion.review(
        session,
        principal,
        environment,
        Source(source, deployment),
        skillpack=skillpack,
        storage=context.storage,
    )
    return PromotionRead.of(found, await skillpacks.get(session, principal, str(found.head.skillpack_id)))


@router.post("/environments/{environment}/promotion", response_model=DeploymentRead)
@router.post("/skillpacks/{skillpack}/environments/{environment}/promotion", response_model=DeploymentRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def promote_deployment(
    *,
    environment: Environment,
    body: PromotionCreate,
    principal: PrincipalDep,
    session: SessionDep,
    idempotent: IdempotencyDep,
    skillpack: SkillpackRef = None,
    force: Force = False,
) -> Response:
    """Make the version that is active in another environment the active one of this environment.

    Running jobs keep theirs. In production, a version whose skills have gates stays inactive until their suites have
    passed: `gate` has the state.
    """

    async def promote() -> DeploymentRead:
        promoted = await promotion.promote(
            session,
            principal,
            environment,
            Source(body.source, body.deployment),
            skillpack=skillpack,
            expected_version=body.version,
            force=force,
        )
        return await views.read(session, principal, promoted)

    return await idempotent.run(session, principal, promote, status=200)


@router.post("/environments/{environment}/rollback", response_model=DeploymentRead)
@router.post("/skillpacks/{skillpack}/environments/{environment}/rollback", response_model=DeploymentRead)
@permissions.needs("deployments:write", "deployments:read", role=Role.DEVELOPER)
async def roll_back_environment(
    *,
    environment: Environment,
    principal: PrincipalDep,
    session: SessionDep,
    idempotent: IdempotencyDep,
    skillpack: SkillpackRef = None,
    force: Force = False,
) -> Response:
    """Make the version the active one again that was active in this environment before. Running jobs keep theirs."""

    async def roll_back() -> DeploymentRead:
        found = await promotion.roll_back(session, principal, environment, skillpack=skillpack, force=force)
        return await views.read(session, principal, found)

    return await idempotent.run(session, principal, roll_back, status=200)
