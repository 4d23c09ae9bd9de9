"""Change the active version of a skillpack."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment
from backend.identity.webhook_outbox import outbox as webhook_outbox
from backend.marketplace import listing_versions
from backend.skills.deployments import environments
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack


async def switch(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    deployment: Deployment,
    *,
    environment: Environment = PRODUCTION,
    **fields: object,
) -> None:
    """Make the version the active one of a skillpack that the caller has locked. Existing jobs keep their version."""
    active = await environments.active_in(session, principal, pack, environment)
    if active.active_id == deployment.id:
        return
    previous = await make_active(session, principal, pack, deployment, environment)
    target = f"{pack.slug} v{deployment.version}"
    payload = {"deployment_id": str(deployment.id), "previous_deployment_id": previous, **fields}
    if environment != PRODUCTION:
        payload["environment"] = environment
    await audit.record(session, principal, "deployment.activated", target, **payload)
    if environment == PRODUCTION:  # listings sell what the publisher runs in production
        await listing_versions.follow(session, principal, deployment)


async def make_active(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    deployment: Deployment,
    environment: Environment,
) -> str | None:
    """Use the version for new jobs, record webhook deliveries, and return the ID of the previous version."""
    before = await environments.set_active(session, principal, pack, deployment, environment)
    previous = None if before is None else str(before)
    payload = {
        "deployment_id": str(deployment.id),
        "project_id": str(pack.project_id),
        "skillpack_id": str(pack.id),
        "skillpack": pack.slug,
        "version": deployment.version,
        "previous_deployment_id": previous,
        "environment": environment,
    }
    await webhook_outbox.record(session, pack.project_id, "deployment.activated", payload)
    return previous
