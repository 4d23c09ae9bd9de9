"""Define the routes of API keys that projects set for models."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from backend.core.net.public_urls import listed
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.integrations.providers import prices, probing, service
from backend.integrations.providers.access import access_of
from backend.integrations.providers.families import list_families
from backend.integrations.providers.schemas import (
    ProbeRead,
    ProviderKeyUpdate,
    ProviderPriceUpdate,
    ProviderRead,
)
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
    return await list_families(session, context, principal)


FamiliesDep = Annotated[list[ProviderRead], Depends(_families)]


@router.get("/providers", summary="List model families and their keys")
@permissions.needs("providers:read", role=Role.DEVELOPER)
async def list_providers(principal: ReaderDep, families: FamiliesDep) -> list[ProviderRead]:
    """List every model family that needs an API key, and whose key is used. Keys are never returned."""
    return families


@router.get("/providers/{family}", summary="Read a model family")
@permissions.needs("providers:read", role=Role.DEVELOPER)
async def get_provider(family: str, principal: ReaderDep, families: FamiliesDep) -> ProviderRead:
    """Return the models of a family, and whose key is used."""
    found = next((one for one in families if one.family == family), None)
    if found is None:
        raise UnknownFamily(family, [one.family for one in families])
    return found


@router.put("/providers/{family}", summary="Set the API key for a model family")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def put_provider(
    family: str, body: ProviderKeyUpdate, principal: WriterDep, session: SessionDep, context: ContextDep
) -> ProviderRead:
    """Set the project's own API key. Jobs that start from now on use it, and their calls are not billed."""
    await service.put(
        session,
        context.vault,
        principal,
        family,
        api_key=body.api_key,
        base_url=body.base_url,
        api=body.api,
        allowed_hosts=listed(context.settings.provider_hosts),
    )
    return await get_provider(family, principal, await _families(session, context, principal))


@router.post("/providers/{family}/probe", summary="Test the project's API key")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def probe_provider(family: str, principal: WriterDep, context: ContextDep) -> ProbeRead:
    """Request the list of models from the provider with the project's key, at no cost."""
    async with context.database.transaction() as session:
        key = await service.key_to_test(session, context.vault, principal, family)
    models = catalog.current()
    probed = await probing.probe(family, key, models, access_of(context.settings, models))
    return ProbeRead(verdict=probed.verdict, message=probed.found)


@router.put(
    "/providers/{family}/prices/{variant}", status_code=204, summary="Set what the project pays for a model"
)
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def put_provider_price(
    family: str, variant: str, body: ProviderPriceUpdate, principal: WriterDep, session: SessionDep
) -> None:
    """Set the price of a model that the project calls with its own key. Later receipts show it as upstream cost.

    `GET /v1/pricing` lists it. It is deleted together with the key.
    """
    await prices.put(session, principal, family, variant, prices.rates_of(**dict(body)))


@router.delete(
    "/providers/{family}/prices/{variant}", status_code=204, summary="Delete the project's price of a model"
)
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def delete_provider_price(family: str, variant: str, principal: WriterDep, session: SessionDep) -> None:
    """Delete the project's price of a model. The price of the model catalog then applies."""
    await prices.delete(session, principal, family, variant)


@router.delete("/providers/{family}", status_code=204, summary="Delete an API key")
@permissions.needs("providers:write", role=Role.DEVELOPER)
async def delete_provider(family: str, principal: WriterDep, session: SessionDep) -> None:
    """Delete the project's own key. Models of the family then use the instance's key, if it has one."""
    await service.delete(session, principal, family)
