"""Manage what projects pay their providers for models that they call with their own keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.integrations.providers.tables import ProviderKey, ProviderPrice
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Rates
from backend.skills.model_catalog.entries import NANOS_PER_USD
from backend.skills.model_catalog.errors import ProviderKeyMissing, ProviderPriceMissing


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """The price of a model that a project has set."""

    rates: Rates
    updated_at: datetime
    updated_by: str


def rates_of(
    *,
    input_usd: Decimal,
    output_usd: Decimal,
    cache_read_usd: Decimal | None,
    cache_write_usd: Decimal | None,
) -> Rates:
    """Return prices in US dollars per million tokens as rates. Without a price of the cache, its tokens are input."""
    read = input_usd if cache_read_usd is None else cache_read_usd
    write = input_usd if cache_write_usd is None else cache_write_usd
    return Rates(*(int(usd * NANOS_PER_USD) for usd in (input_usd, output_usd, write, write, read)))


async def put(session: AsyncSession, principal: Principal, family: str, variant: str, rates: Rates) -> None:
    """Set what the project pays for a model, for jobs that start from now on.

    Raises:
        UnknownFamily: The family does not exist or has no endpoint.
        UnknownModel: It has no such model.
        ProviderKeyMissing: The project has no key for the family, so that the instance's prices apply.
    """
    catalog.current().endpoint_of(family)
    catalog.current().get(f"{family}/{variant}")
    key = visible(ProviderKey, principal).where(col(ProviderKey.family) == family)
    if (await session.scalars(key.with_for_update())).one_or_none() is None:
        raise ProviderKeyMissing(family)
    columns = {
        "input_nanos": rates.input,
        "output_nanos": rates.output,
        "cache_read_nanos": rates.cache_read,
        "cache_write_nanos": rates.cache_write_5m,
    }
    changes = {**columns, "updated_at": now(), "updated_by": principal.label}
    row = insert(ProviderPrice).values(
        project_id=principal.project_id, family=family, variant=variant, **changes
    )
    keys = ["project_id", "family", "variant"]
    await session.execute(row.on_conflict_do_update(index_elements=keys, set_=changes))
    await audit.record(session, principal, "provider_price.set", f"{family}/{variant}", **columns)


async def delete(session: AsyncSession, principal: Principal, family: str, variant: str) -> None:
    """Delete the project's price of a model, so that the catalog's applies.

    Raises:
        ProviderPriceMissing: The project has set none.
    """
    query = visible(ProviderPrice, principal).where(
        col(ProviderPrice.family) == family, col(ProviderPrice.variant) == variant
    )
    found = (await session.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise ProviderPriceMissing(f"{family}/{variant}")
    await session.delete(found)
    await audit.record(session, principal, "provider_price.deleted", f"{family}/{variant}")


async def own_prices(session: AsyncSession, principal: Principal) -> Mapping[str, OwnPrice]:
    """Return the prices that the project has set, by model."""
    rows = await session.scalars(visible(ProviderPrice, principal))
    return {_slug(row): OwnPrice(_rates(row), row.updated_at, row.updated_by) for row in rows}


async def for_job(session: AsyncSession, project_id: UUID) -> dict[str, Rates]:
    """Return the prices for a job of this project, by model."""
    query = select(ProviderPrice).where(col(ProviderPrice.project_id) == project_id)
    return {_slug(row): _rates(row) for row in await session.scalars(query)}


def _slug(row: ProviderPrice) -> str:
    return f"{row.family}/{row.variant}"


def _rates(row: ProviderPrice) -> Rates:
    write = row.cache_write_nanos
    return Rates(row.input_nanos, row.output_nanos, write, write, row.cache_read_nanos)
