"""List the model families with the keys that a project can use."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.identity.auth.principal import Principal
from backend.integrations.providers import service
from backend.integrations.providers.access import access_of
from backend.integrations.providers.schemas import ProviderRead
from backend.skills.model_catalog import catalog


async def list_families(
    session: AsyncSession, context: AppContext, principal: Principal
) -> list[ProviderRead]:
    """Return every model family that needs a key, by name."""
    models = catalog.current()
    keys = await service.keys(session, context.vault, principal)
    return ProviderRead.all_of(models, access_of(context.settings, models), keys)


def has_model(families: Iterable[ProviderRead]) -> bool:
    """Return whether a model of the families can be called, so that jobs need not be simulated."""
    return any(one.models and (one.has_own_key or one.has_instance_key) for one in families)
