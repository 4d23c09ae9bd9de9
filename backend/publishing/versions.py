"""Activate and delete versions."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.evals import gates
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import PRODUCTION, Environment
from backend.marketplace import listing_versions
from backend.marketplace.activation import switch
from backend.skills.deployments import environments
from backend.skills.deployments.errors import (
    DeploymentActive,
    DeploymentInUse,
    DeploymentListed,
    DeploymentNotFound,
    DraftNotActivatable,
)
from backend.skills.deployments.service import get
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import Skillpack


async def activate(
    session: AsyncSession,
    principal: Principal,
    ref: str,
    *,
    skillpack: str | None = None,
    environment: Environment | None = None,
    force: bool = False,
) -> Deployment:
    """Make a version the one that new jobs of an environment use; existing jobs keep theirs.

    The default is the environment of the principal. In production, a version whose skills have gates becomes active
    after their suites have passed; an admin can skip them.

    Raises:
        DeploymentNotFound: It does not exist.
        DraftNotActivatable: It is a draft.
        NotAllowed: The principal may not activate it, not in this environment, or not without its gates.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    environment = environment or principal.environment
    principal.require_environment(environment)
    deployment, pack = await _lock(session, principal, ref, skillpack)
    if deployment.kind == "draft":
        raise DraftNotActivatable
    if environment != PRODUCTION:
        await switch(session, principal, pack, deployment, environment=environment)
        return deployment
    await gates.supersede(session, pack, by=deployment)
    if force:
        principal.require(Role.ADMIN, "deployments:write")
        await gates.abandon(session, deployment, f"{principal.label} activated it without its gates.")
    if force or pack.active_deployment_id == deployment.id:
        await switch(session, principal, pack, deployment, is_forced=force)
    elif not await gates.start(session, principal, deployment):
        await switch(session, principal, pack, deployment)
    return deployment


async def delete(
    session: AsyncSession, principal: Principal, ref: str, *, skillpack: str | None = None
) -> None:
    """Delete a version. Its row stays for the jobs that refer to it; its bytes are deleted when nothing uses them.

    Raises:
        DeploymentNotFound: It does not exist.
        DeploymentActive: It is the active version of an environment.
        NotAllowed: The principal is a key of development or staging.
        DeploymentInUse: Jobs of it have not ended, including those of other projects that run it as a listing.
        DeploymentListed: A listing of the marketplace runs it.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    principal.require_environment(None)  # all environments can use the version
    deployment, pack = await _lock(session, principal, ref, skillpack)
    for environment, active in (await environments.all_active(session, principal, pack)).items():
        if active.active_id == deployment.id:
            raise DeploymentActive(deployment.version, environment)
    listing = await listing_versions.listing_on(session, principal, deployment.id)
    if listing is not None:
        raise DeploymentListed(deployment.version, listing)
    own_or_sold = (col(Job.project_id) == principal.project_id) | (
        col(Job.publisher_id) == principal.project_id
    )
    live = await session.scalar(
        select(func.count()).where(
            col(Job.deployment_id) == deployment.id, own_or_sold, col(Job.finished_at).is_(None)
        )
    )
    if live:
        raise DeploymentInUse(deployment.version, live)
    await gates.abandon(session, deployment, "It was deleted.")
    deployment.deleted_at = now()
    await session.flush()
    target = f"{pack.slug} v{deployment.version}"
    await audit.record(session, principal, "deployment.deleted", target, deployment_id=str(deployment.id))


class _Locked(NamedTuple):
    deployment: Deployment
    skillpack: Skillpack


async def _lock(session: AsyncSession, principal: Principal, ref: str, skillpack: str | None) -> _Locked:
    """Return a deployment with its skillpack locked; read it again under the lock."""
    deployment = await get(session, principal, ref, skillpack=skillpack)
    pack = await skillpacks.lock(session, principal, str(deployment.skillpack_id))
    await session.refresh(deployment)
    if deployment.deleted_at is not None:
        raise DeploymentNotFound(ref)
    return _Locked(deployment, pack)
