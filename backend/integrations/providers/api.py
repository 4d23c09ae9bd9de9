"""Routes of the keys that projects bring for models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from backend.core.net.public_urls import listed
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.integrations.providers import probing, service
from backend.integrations.providers.access import access_of
from backend.integrations.providers.schemas import ProbeRead, ProviderKeyUpdate, ProviderRead
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.errors import UnknownFamily

router = APIRouter(route_class=AuthorizedRoute, tags=["providers"])


async def _reader(principal: PrincipalDep) -> Principal:
    principal.require(Role.DEVELOPER, "providers:read")
    return principal


async def _writer(principal: PrincipalDep) -> Principal:
    principal.require(Role.DEVELOPER, "providers:write")
    return principal


ReaderDep = Annotated[Principal, Depends(_reader)]
WriterDep = Annotated[Principal, Depends(_writer)]


async def _families(session: SessionDep, context: ContextDep, principal: PrincipalDep) -> list[ProviderRead]:
    models = catalog.current()
    access = access_of(context.settings, models)
    return ProviderRead.all_of(models, access, await service.keys(session, context.vault, principal))


FamiliesDep = Annotated[list[ProviderRead], Depends(_families)]


@router.get("/providers", summary="List families of models and keys for them")
@permissions.needs("providers:read", role=Role.DEVELOPER)
async def list_providers(principal: ReaderDep, families: FamiliesDep) -> list[ProviderRead]:
    """Every family of models that is reached with a key, and whose key that is; keys are never told."""
    return families


@router.get("/providers/{family}", summary="Read one family of models")
@permissions.needs("providers:read", role=Role.DEVELOPER)
async def get_provider(family: str, principal: ReaderDep, families: FamiliesDep) -> ProviderRead:
    """The models of a family, and whose key they are reached with."""
    found = next((one for one in families if one.family == family), None)
    if found is None:
        raise UnknownFamily(family, [one.family for one in families])
    return found


@router.put("/providers/{family}", summary="Bring a key for a family of models")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def put_provider(
    family: str, asked: ProviderKeyUpdate, principal: WriterDep, session: SessionDep, context: ContextDep
) -> ProviderRead:
    """Set the project's own key; jobs that start from now on use it, and their calls are billed nothing."""
    await service.put(
        session,
        context.vault,
        principal,
        family,
        api_key=asked.api_key,
        base_url=asked.base_url,
        allowed_hosts=listed(context.settings.provider_hosts),
    )
    return await get_provider(family, principal, await _families(session, context, principal))


@router.post("/providers/{family}/probe", summary="Try the project's own key")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def probe_provider(family: str, principal: WriterDep, context: ContextDep) -> ProbeRead:
    """Ask the provider for the list of its models with the project's key, which costs nothing."""
    async with context.database.transaction() as session:
        key = await service.to_try(session, context.vault, principal, family)
    models = catalog.current()
    probed = await probing.probe(family, key, models, access_of(context.settings, models))
    return ProbeRead(verdict=probed.verdict, found=probed.found)


@router.delete("/providers/{family}", status_code=204, summary="Forget a key")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def delete_provider(family: str, principal: WriterDep, session: SessionDep) -> None:
    """Forget the project's own key; models of the family are then reached with the instance's, if it has one."""
    await service.delete(session, principal, family)
