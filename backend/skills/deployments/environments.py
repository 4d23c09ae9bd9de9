"""Read and change which version of a skillpack is active in each environment.

That of production is in the row of the skillpack, where the statement that submits a job reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.identity.auth.principal import Principal, visible
from backend.identity.environments import ENVIRONMENTS, PRODUCTION, Environment
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import EnvironmentVersion, Skillpack


class ActiveVersion(NamedTuple):
    """The active deployment of an environment, and the one before."""

    active_id: UUID | None = None
    previous_id: UUID | None = None


async def all_active(
    session: AsyncSession, principal: Principal, pack: Skillpack
) -> dict[Environment, ActiveVersion]:
    """Return the active version of each environment of a skillpack."""
    query = visible(EnvironmentVersion, principal).where(col(EnvironmentVersion.skillpack_id) == pack.id)
    found: dict[str, ActiveVersion] = {
        row.environment: ActiveVersion(row.active_deployment_id, row.previous_deployment_id)
        for row in (await session.scalars(query)).all()
    }
    found[PRODUCTION] = ActiveVersion(pack.active_deployment_id, pack.previous_deployment_id)
    return {environment: found.get(environment, ActiveVersion()) for environment in ENVIRONMENTS}


async def active_in(
    session: AsyncSession, principal: Principal, pack: Skillpack, environment: Environment
) -> ActiveVersion:
    """Return the active version of one environment of a skillpack."""
    return (await all_active(session, principal, pack))[environment]


def names_of(active: Mapping[Environment, ActiveVersion], deployment: Deployment) -> list[Environment]:
    """Return the environments in which the deployment is active."""
    return [name for name, version in active.items() if version.active_id == deployment.id]


async def set_active(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    deployment: Deployment,
    environment: Environment,
) -> UUID | None:
    """Use the version for new jobs of the environment, and return the previous one.

    The caller has locked the skillpack.
    """
    if environment == PRODUCTION:
        previous = pack.active_deployment_id
        pack.previous_deployment_id, pack.active_deployment_id = previous, deployment.id
        await session.flush()
        return previous
    query = visible(EnvironmentVersion, principal).where(
        col(EnvironmentVersion.skillpack_id) == pack.id, col(EnvironmentVersion.environment) == environment
    )
    row: EnvironmentVersion | None = (await session.scalars(query)).one_or_none()
    previous = None if row is None else row.active_deployment_id
    if row is None:
        row = EnvironmentVersion(
            skillpack_id=pack.id,
            environment=environment,
            project_id=pack.project_id,
            active_deployment_id=deployment.id,
        )
        session.add(row)
    row.active_deployment_id, row.previous_deployment_id = deployment.id, previous
    row.activated_at, row.activated_by = now(), principal.label
    await session.flush()
    return previous


def with_active(query: Select[Any], environment: Environment) -> Select[Any]:
    """Join a query for skillpacks with the deployments that are active in an environment."""
    if environment == PRODUCTION:
        return query.join(Deployment, col(Deployment.id) == col(Skillpack.active_deployment_id))
    return query.join(
        EnvironmentVersion,
        (col(EnvironmentVersion.project_id) == col(Skillpack.project_id))
        & (col(EnvironmentVersion.skillpack_id) == col(Skillpack.id))
        & (col(EnvironmentVersion.environment) == environment),
    ).join(Deployment, col(Deployment.id) == col(EnvironmentVersion.active_deployment_id))
