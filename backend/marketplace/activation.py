"""The switch itself: one version of a skillpack is the one that new jobs get."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.identity.webhook_outbox import outbox as webhook_outbox
from backend.marketplace import following
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack


async def switch(
    session: AsyncSession, principal: Principal, pack: Skillpack, deployment: Deployment, **facts: object
) -> None:
    """Make the version the active one of a skillpack that the caller holds; jobs that exist stay on theirs."""
    if pack.active_deployment_id == deployment.id:
        return
    previous = await make_active(session, pack, deployment)
    target = f"{pack.slug} v{deployment.version}"
    told = {"deployment_id": str(deployment.id), "previous_deployment_id": previous, **facts}
    await audit.record(session, principal, "deployment.activated", target, **told)
    await following.follow(session, principal, deployment)


async def make_active(session: AsyncSession, pack: Skillpack, deployment: Deployment) -> str | None:
    """Give the version to new jobs, and tell webhooks; gives the id of the one before."""
    previous = str(pack.active_deployment_id) if pack.active_deployment_id else None
    pack.previous_deployment_id, pack.active_deployment_id = pack.active_deployment_id, deployment.id
    await session.flush()
    told = {
        "deployment_id": str(deployment.id),
        "project_id": str(pack.project_id),
        "skillpack_id": str(pack.id),
        "skillpack": pack.slug,
        "version": deployment.version,
        "previous_deployment_id": previous,
    }
    await webhook_outbox.record(session, pack.project_id, "deployment.activated", told)
    return previous
