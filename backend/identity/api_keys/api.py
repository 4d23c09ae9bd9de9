"""Routes of API keys."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.identity.api_keys import keys
from backend.identity.api_keys.schemas import (
    ApiKeyCreate,
    ApiKeyCreated,
    ApiKeyRead,
    ApiKeyUpdate,
    ScopesRead,
)
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute)


@router.get("/api-keys", tags=["keys"], summary="List keys")
@permissions.needs("keys:read", role=Role.ADMIN)
async def list_api_keys(
    request: Request, response: Response, page: PageDep, principal: PrincipalDep, session: SessionDep
) -> list[ApiKeyRead]:
    """List the project's API keys, newest first."""
    principal.require(Role.ADMIN, "keys:read")
    rows = linked(request, response, await keys.list_keys(session, principal, page))
    return [ApiKeyRead.of(row) for row in rows]


@router.get("/api-keys/scopes", tags=["keys"], summary="List the scopes of keys")
@permissions.needs("keys:read", role=Role.ADMIN)
async def list_scopes(principal: PrincipalDep) -> ScopesRead:
    """List the scopes that API keys can have, and presets for new keys."""
    principal.require(Role.ADMIN, "keys:read")
    return ScopesRead.all_()


@router.post(
    "/api-keys", tags=["keys"], summary="Create a key", status_code=201, response_model=ApiKeyCreated
)
@permissions.needs("keys:write", role=Role.ADMIN)
async def create_api_key(
    body: ApiKeyCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Create an API key. Only this response contains the key in plaintext."""
    principal.require(Role.ADMIN, "keys:write")
    limits = keys.Limits(
        body.scopes,
        body.skill_allowlist,
        body.daily_cap_micros,
        body.expires_at,
        body.requests_per_minute,
    )

    async def create() -> ApiKeyCreated:
        new_key = await keys.create(
            session,
            principal,
            project_id=principal.project_id,
            kind=body.kind,
            name=body.name,
            environment=body.environment,
            limits=limits,
            replaces=body.replaces,
            quotas=context.settings.quotas,
            max_requests_per_minute=context.settings.key_requests_per_minute,
        )
        return ApiKeyCreated.of_new(new_key.key, new_key.plaintext)

    return await idempotent.run(session, principal, create)


@router.patch("/api-keys/{key_id}", tags=["keys"], summary="Change a key")
@permissions.needs("keys:write", role=Role.ADMIN)
async def change_api_key(
    key_id: UUID, body: ApiKeyUpdate, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> ApiKeyRead:
    """Change the scopes of a key or its limit of requests per minute, up to the limit of the instance."""
    principal.require(Role.ADMIN, "keys:write")
    max_requests = context.settings.key_requests_per_minute
    changes = body.as_changes()
    return ApiKeyRead.of(
        await keys.change(session, principal, key_id, changes, max_requests_per_minute=max_requests)
    )


@router.delete("/api-keys/{key_id}", tags=["keys"], summary="Revoke a key", status_code=204)
@permissions.needs("keys:write", role=Role.ADMIN)
async def revoke_api_key(key_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Revoke a key; it stops working immediately."""
    principal.require(Role.ADMIN, "keys:write")
    await keys.revoke(session, principal, key_id)
