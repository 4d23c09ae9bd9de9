"""Routes of money."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.auth.dependencies import InstanceDep, PrincipalDep, SessionDep
from backend.auth.principal import Role
from backend.clock import now
from backend.ledger import queries
from backend.ledger.queries import Group
from backend.ledger.schemas import Balance, LedgerLine, PriceView, UsageRow
from backend.paging import PageDep, linked
from backend.providers import catalogue
from backend.providers.prices import ModelPrice

router = APIRouter(tags=["money"])


@router.get("/billing/balance", summary="Read the wallet")
async def get_balance(session: SessionDep, principal: PrincipalDep) -> Balance:
    """What the project's wallet holds, and what of it is reserved for running jobs."""
    return await queries.balance(session, principal)


@router.get("/billing/ledger", summary="List the wallet's entries")
async def list_ledger(
    request: Request, response: Response, session: SessionDep, principal: PrincipalDep, *, page: PageDep
) -> list[LedgerLine]:
    """Every movement of the wallet, newest first; their sum is the balance."""
    lines = await queries.entries(session, principal, limit=page.limit + 1, before_id=page.number())
    return list(linked(request, response, page.slice(lines, lambda line: (line.id,))))


@router.get("/usage", summary="Usage by day, skill, model, key or version")
async def get_usage(
    session: SessionDep,
    principal: PrincipalDep,
    *,
    group_by: Group = "day",
    since: Annotated[datetime | None, Query(description="Default: 30 days ago.")] = None,
    until: Annotated[datetime | None, Query(description="Default: now.")] = None,
) -> list[UsageRow]:
    """What jobs that ended between two moments cost."""
    end = until or now()
    return await queries.usage(
        session, principal, group_by=group_by, since=since or end - timedelta(days=30), until=end
    )


@router.get("/pricing", summary="Prices of this instance")
async def get_pricing(instance: InstanceDep, principal: PrincipalDep) -> PriceView:
    """What the instance charges by itself, its margins, and what each language model costs with them."""
    principal.require(Role.VIEWER, "billing:read")
    prices = instance.prices
    return PriceView(
        compute_micros_per_second=prices.compute_micros_per_second,
        margin_pct=prices.margin_pct,
        text_margin_pct=prices.text_margin_pct,
        models=ModelPrice.all_of(catalogue.current(), prices.text_margin_pct),
    )
