"""Define the routes of secrets: those of the project, and those of one skillpack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from backend.data.secrets import service
from backend.data.secrets.schemas import SecretRead, SecretUpdate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment
from backend.skills.skillpacks import service as skillpacks

router = APIRouter(route_class=AuthorizedRoute, tags=["secrets"])


async def _reader(principal: PrincipalDep) -> Principal:
    principal.require(Role.DEVELOPER, "secrets:read")
    return principal


async def _writer(principal: PrincipalDep) -> Principal:
    principal.require(Role.DEVELOPER, "secrets:write")
    return principal


ReaderDep = Annotated[Principal, Depends(_reader)]
WriterDep = Annotated[Principal, Depends(_writer)]


async def _skillpack_id(skillpack: str, principal: PrincipalDep, session: SessionDep) -> UUID:
    return (await skillpacks.get(session, principal, skillpack)).id


EnvironmentQuery = Annotated[
    Environment | None, Query(description="Values of this environment. Default: the shared ones.")
]
SkillpackIdDep = Annotated[UUID, Depends(_skillpack_id)]
"""The ID of the skillpack that the path names by ID or slug."""


@router.put("/secrets")
@permissions.needs("secrets:write", role=Role.DEVELOPER)
async def put_secret(
    body: SecretUpdate, principal: WriterDep, session: SessionDep, context: ContextDep
) -> SecretRead:
    """Set a secret of the whole project. Jobs that start from now on receive it."""
    return await _put(session, context, principal, body)


@router.get("/secrets", response_model=list[SecretRead])
@permissions.needs("secrets:read", role=Role.DEVELOPER)
async def list_secrets(
    principal: ReaderDep, session: SessionDep, environment: EnvironmentQuery = None
) -> Sequence[object]:
    """List the names of the project's secrets. Values are never returned."""
    return await service.names(session, principal, environment=environment)


@router.delete("/secrets/{name}", status_code=204)
@permissions.needs("secrets:write", role=Role.DEVELOPER)
async def delete_secret(
    name: str, principal: WriterDep, session: SessionDep, environment: EnvironmentQuery = None
) -> None:
    """Delete a secret of the project."""
    await service.delete(session, principal, name, environment=environment or principal.confined_to)


@router.put("/skillpacks/{skillpack}/secrets")
@permissions.needs("secrets:write", role=Role.DEVELOPER)
async def put_skillpack_secret(
    body: SecretUpdate,
    principal: WriterDep,
    skillpack_id: SkillpackIdDep,
    session: SessionDep,
    context: ContextDep,
) -> SecretRead:
    """Set a secret of one skillpack. It overrides one of the same name of the project."""
    return await _put(session, context, principal, body, skillpack_id=skillpack_id)


@router.get("/skillpacks/{skillpack}/secrets", response_model=list[SecretRead])
@permissions.needs("secrets:read", role=Role.DEVELOPER)
async def list_skillpack_secrets(
    principal: ReaderDep,
    skillpack_id: SkillpackIdDep,
    session: SessionDep,
    environment: EnvironmentQuery = None,
) -> Sequence[object]:
    """List the names of the secrets of one skillpack."""
    return await service.names(session, principal, skillpack_id=skillpack_id, environment=environment)


@router.delete("/skillpacks/{skillpack}/secrets/{name}", status_code=204)
@permissions.needs("secrets:write", role=Role.DEVELOPER)
async def delete_skillpack_secret(
    name: str,
    principal: WriterDep,
    skillpack_id: SkillpackIdDep,
    session: SessionDep,
    environment: EnvironmentQuery = None,
) -> None:
    """Delete a secret of one skillpack."""
    await service.delete(
        session,
        principal,
        name,
        skillpack_id=skillpack_id,
        environment=environment or principal.confined_to,
    )


async def _put(
    session: SessionDep,
    context: ContextDep,
    principal: Principal,
    body: SecretUpdate,
    *,
    skillpack_id: UUID | None = None,
) -> SecretRead:
    """Set a secret of the project or of a skillpack, in the environment of the body or of the key."""
    environment = body.environment or principal.confined_to
    at = await service.put(
        session,
        context.vault,
        principal,
        name=body.name,
        value=body.value,
        skillpack_id=skillpack_id,
        environment=environment,
        quotas=context.settings.quotas,
    )
    return SecretRead(name=body.name, environment=environment, updated_at=at)
