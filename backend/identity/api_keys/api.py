"""Routes of API keys."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.identity.api_keys import keys
from backend.identity.api_keys.schemas import ApiKeyCreate, ApiKeyCreated, ApiKeyRead, ApiKeyUpdate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import OnceDep

router = APIRouter(route_class=AuthorizedRoute)


@router.get("/api-keys", tags=["keys"], summary="List keys")
@permissions.needs("keys:read", role=Role.ADMIN)
async def list_api_keys(
    request: Request, response: Response, page: PageDep, principal: PrincipalDep, session: SessionDep
) -> list[ApiKeyRead]:
    """The project's keys, newest first."""
    principal.require(Role.ADMIN, "keys:read")
    rows = linked(request, response, await keys.list_keys(session, principal, page))
    return [ApiKeyRead.of(row) for row in rows]


@router.post("/api-keys", tags=["keys"], summary="Make a key", status_code=201, response_model=ApiKeyCreated)
@permissions.needs("keys:write", role=Role.ADMIN)
async def create_api_key(
    asked: ApiKeyCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    once: OnceDep,
) -> Response:
    """Make a key; its clear text is in this answer and nowhere else."""
    principal.require(Role.ADMIN, "keys:write")
    limits = keys.Limits(
        asked.scopes,
        asked.skill_allowlist,
        asked.daily_cap_micros,
        asked.expires_at,
        asked.requests_per_minute,
    )

    async def make() -> ApiKeyCreated:
        made = await keys.create(
            session,
            principal,
            project_id=principal.project_id,
            kind=asked.kind,
            name=asked.name,
            limits=limits,
            quotas=context.settings.quotas,
            max_requests_per_minute=context.settings.key_requests_per_minute,
        )
        return ApiKeyCreated.of_new(made.key, made.clear_text)

    return await once.answer(session, principal, make)


@router.patch("/api-keys/{key_id}", tags=["keys"], summary="Change a key")
@permissions.needs("keys:write", role=Role.ADMIN)
async def change_api_key(
    key_id: UUID, asked: ApiKeyUpdate, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> ApiKeyRead:
    """Give a key other scopes, or let it send more or fewer requests a minute, up to what every key may."""
    principal.require(Role.ADMIN, "keys:write")
    most = context.settings.key_requests_per_minute
    changes = asked.as_changes()
    return ApiKeyRead.of(await keys.change(session, principal, key_id, changes, max_requests_per_minute=most))


@router.delete("/api-keys/{key_id}", tags=["keys"], summary="Revoke a key", status_code=204)
@permissions.needs("keys:write", role=Role.ADMIN)
async def revoke_api_key(key_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Revoke a key: it stops working at once."""
    principal.require(Role.ADMIN, "keys:write")
    await keys.revoke(session, principal, key_id)
