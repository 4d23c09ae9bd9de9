"""Change the active version of a skillpack."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.identity.webhook_outbox import outbox as webhook_outbox
from backend.marketplace import listing_versions
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack


async def switch(
    session: AsyncSession, principal: Principal, pack: Skillpack, deployment: Deployment, **fields: object
) -> None:
    """Make the version the active one of a skillpack that the caller has locked. Existing jobs keep their version."""
    if pack.active_deployment_id == deployment.id:
        return
    previous = await make_active(session, pack, deployment)
    target = f"{pack.slug} v{deployment.version}"
    payload = {"deployment_id": str(deployment.id), "previous_deployment_id": previous, **fields}
    await audit.record(session, principal, "deployment.activated", target, **payload)
    await listing_versions.follow(session, principal, deployment)


async def make_active(session: AsyncSession, pack: Skillpack, deployment: Deployment) -> str | None:
    """Use the version for new jobs, record webhook deliveries, and return the ID of the previous version."""
    previous = str(pack.active_deployment_id) if pack.active_deployment_id else None
    pack.previous_deployment_id, pack.active_deployment_id = pack.active_deployment_id, deployment.id
    await session.flush()
    payload = {
        "deployment_id": str(deployment.id),
        "project_id": str(pack.project_id),
        "skillpack_id": str(pack.id),
        "skillpack": pack.slug,
        "version": deployment.version,
        "previous_deployment_id": previous,
    }
    await webhook_outbox.record(session, pack.project_id, "deployment.activated", payload)
    return previous
