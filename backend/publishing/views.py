"""Show a version as the API shows it."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth.principal import Principal
from backend.publishing.schemas import DeploymentRead
from backend.skills.deployments import environments
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks import service as skillpacks


async def read(session: AsyncSession, principal: Principal, deployment: Deployment) -> DeploymentRead:
    """Return the response for a version."""
    pack = await skillpacks.get(session, principal, str(deployment.skillpack_id))
    active = await environments.all_active(session, principal, pack)
    return DeploymentRead.of_active(deployment, pack, environments.names_of(active, deployment))
