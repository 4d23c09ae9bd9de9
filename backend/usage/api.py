"""Routes of money."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from backend.core.clock import now
from backend.core.db.paging import MAX_PAGE_SIZE, Page
from backend.core.http.paging import PageDep, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment
from backend.integrations.media.prices import MediaModelPrice
from backend.integrations.providers.prices import own_prices
from backend.money.pricing import PriceList
from backend.skills.deployments import files, service
from backend.skills.model_catalog import catalog
from backend.usage import estimates, export, overview, queries, usage
from backend.usage.estimates import CostEstimateRead, SkillForEstimate
from backend.usage.model_prices import ModelPrice
from backend.usage.schemas import Balance, LedgerLine, OverviewRead, PricingRead, Receipt, UsageRow

router = APIRouter(route_class=AuthorizedRoute)


@router.get("/billing/balance", summary="Read the wallet", tags=["money"])
@permissions.needs("billing:read")
async def get_balance(session: SessionDep, principal: PrincipalDep) -> Balance:
    """Read the balance of the wallet, and how much of it is reserved for running jobs."""
    return await queries.balance(session, principal)


@router.get("/billing/ledger", summary="List ledger entries", tags=["money"])
@permissions.needs("billing:read")
async def list_ledger(
    request: Request, response: Response, session: SessionDep, principal: PrincipalDep, *, page: PageDep
) -> list[LedgerLine]:
    """List the ledger entries of the wallet, newest first. Their sum is the balance."""
    lines = await queries.entries(session, principal, limit=page.limit + 1, before_id=page.number())
    return list(linked(request, response, page.slice(lines, lambda line: (line.id,))))


@router.get(
    "/billing/ledger/export",
    summary="Export ledger entries",
    response_class=StreamingResponse,
    responses={200: {"description": "Comma-separated values.", "content": {"text/csv": {}}}},
    tags=["money"],
)
@permissions.needs("billing:read")
async def export_ledger(principal: PrincipalDep, context: ContextDep) -> StreamingResponse:
    """Export the ledger entries of the wallet as CSV, newest first. `amount_usd` is exact to the micro-dollar."""
    principal.require(Role.VIEWER, "billing:read")
    return StreamingResponse(
        export.as_csv(context.database, principal),
        media_type="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="ledger-{now():%Y-%m-%d}.csv"',
            "Cache-Control": "no-store",
        },
    )


@router.get(
    "/usage", summary="Usage by day, skill, model, key, version, listing or environment", tags=["money"]
)
@permissions.needs("billing:read")
async def get_usage(
    request: Request,
    response: Response,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    group_by: Annotated[
        str,
        Query(
            max_length=100,
            description="One or more of day, skill, model, key, version, listing, environment, with commas.",
        ),
    ] = "day",
    since: Annotated[AwareDatetime | None, Query(description="Default: 30 days before `until`.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Default: now.")] = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_PAGE_SIZE, description="Maximum number of groups per page.")
    ] = MAX_PAGE_SIZE,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="From the `Link` header of the previous page.")
    ] = None,
) -> list[UsageRow]:
    """Report the cost of the jobs that ended in a period. Grouped by model, report that of its calls."""
    usage_query = usage.UsageQuery.of(group_by, since, until)
    rows = await usage.usage(session, principal, usage_query, Page(limit, cursor))
    return list(linked(request, response, rows))


@router.get("/usage/overview", summary="Jobs over time", tags=["money"])
@permissions.needs("billing:read", "jobs:read")
async def get_overview(
    session: SessionDep,
    principal: PrincipalDep,
    *,
    since: Annotated[AwareDatetime | None, Query(description="Default: 7 days before `until`.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Default: now.")] = None,
    group_by: Annotated[
        overview.OverviewGroup | None,
        Query(description="Also return a series for each of the largest groups."),
    ] = None,
    skill: Annotated[str | None, Query(max_length=200, description="Only jobs of this skill.")] = None,
    environment: Annotated[Environment | None, Query(description="Only jobs of this environment.")] = None,
) -> OverviewRead:
    """Add up the jobs that ended in a period of at most 92 days, and the tokens of its model calls, by time slot."""
    query = overview.OverviewQuery.of(since, until, skill, environment)
    return await overview.read(session, principal, query, group_by)


@router.get("/pricing", summary="Prices of this instance", tags=["money"])
@permissions.needs("billing:read")
async def get_pricing(session: SessionDep, context: ContextDep, principal: PrincipalDep) -> PricingRead:
    """Read the prices and margins of the instance, and the price of each model with the margin, its source and date.

    A model whose price the project has set has that price, which it pays to its own provider.
    """
    principal.require(Role.VIEWER, "billing:read")
    prices = PriceList.of(context.settings)
    return PricingRead(
        compute_micros_per_second=prices.compute_micros_per_second,
        margin_pct=prices.margin_pct,
        text_margin_pct=prices.text_margin_pct,
        models=ModelPrice.all_of(
            catalog.current(), prices.text_margin_pct, await own_prices(session, principal)
        ),
        media=MediaModelPrice.all(prices.margin_pct),
    )


@router.get("/cost-estimates/{skill:path}", summary="Estimate the cost of a run", tags=["money"])
@permissions.needs("skills:read", "jobs:read_own")
async def get_cost_estimate(
    skill: str,
    session: SessionDep,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    skillpack: Annotated[
        str | None, Query(description="ID or slug, if several skillpacks have the skill.")
    ] = None,
    version: Annotated[int | None, Query(ge=1, description="Without one the active version.")] = None,
    environment: Annotated[
        Environment | None, Query(description="Default: that of the API key; for users `production`.")
    ] = None,
) -> CostEstimateRead:
    """Estimate what one run of a skill costs: from its recent jobs, otherwise from its prompt and one reply.

    Images, searches and subjobs are included only in the costs of jobs.
    """
    found = await service.get_skill(
        session, principal, skill, skillpack=skillpack, version=version, environment=environment
    )
    is_agent = found.skill.is_agentic
    prompt = (await files.prompt_of(found, storage=context.storage)).text if is_agent else ""
    return await estimates.estimate(
        session,
        principal,
        SkillForEstimate(found.skill, found.full_name, found.skillpack_id, prompt),
        prices=PriceList.of(context.settings),
        default_model=context.settings.default_model,
    )


@router.get("/jobs/{job_id}/receipt", summary="Read the receipt of a job", tags=["jobs"])
@permissions.needs("jobs:read_own")
async def get_job_receipt(job_id: UUID, session: SessionDep, principal: PrincipalDep) -> Receipt:
    """Read the line items of a job: what it used and what was charged."""
    return await queries.receipt(session, principal, job_id)
