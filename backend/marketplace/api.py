"""Routes of the marketplace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import OnceDep
from backend.marketplace import catalog, service
from backend.marketplace.catalog import Wanted
from backend.marketplace.schemas import (
    ListingCreate,
    ListingRead,
    ListingStatus,
    ListingSummary,
    ListingUpdate,
    ListingVersionCreate,
    ListingVersionRead,
    SalesRead,
)
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, prefix="/marketplace", tags=["marketplace"])


@router.get("/listings", summary="Search what other projects offer")
@permissions.needs("marketplace:read")
async def list_listings(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    q: Annotated[
        str | None, Query(max_length=200, description="Words of its name, description or marketing.")
    ] = None,
    mine: Annotated[bool, Query(description="The project's own, drafts and those taken down too.")] = False,
    status: Annotated[ListingStatus | None, Query(description="Of the project's own.")] = None,
) -> Sequence[ListingSummary]:
    """Those that are published, newest first; with `mine=true` the project's own."""
    wanted = Wanted(q, is_own=mine, status=status)
    return linked(request, response, await catalog.list_some(session, principal, page, wanted))


@router.post(
    "/listings", status_code=201, summary="Offer a skill to other projects", response_model=ListingRead
)
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def create_listing(
    asked: ListingCreate, principal: PrincipalDep, session: SessionDep, context: ContextDep, once: OnceDep
) -> Response:
    """Create a draft that only this project sees; publish it with a PATCH of its status."""

    async def make() -> ListingRead:
        listing = await service.create(session, principal, asked)
        return await catalog.get(session, principal, listing.slug, PriceList.of(context.settings))

    return await once.answer(session, principal, make)


@router.get("/listings/{listing}", summary="Read a listing")
@permissions.needs("marketplace:read")
async def get_listing(
    listing: str, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> ListingRead:
    """By id or slug: what it takes and gives, what a run costs, and what its code is given."""
    return await catalog.get(session, principal, listing, PriceList.of(context.settings))


@router.patch("/listings/{listing}", summary="Change, publish or take down a listing")
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def change_listing(
    listing: str,
    asked: ListingUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
) -> ListingRead:
    """Jobs that exist keep the price and the version at which they were submitted."""
    changed = await service.change(session, principal, listing, asked)
    return await catalog.get(session, principal, changed.slug, PriceList.of(context.settings))


@router.delete("/listings/{listing}", status_code=204, summary="Forget a draft")
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def delete_listing(listing: str, principal: PrincipalDep, session: SessionDep) -> None:
    """For drafts that were never published; others are taken down."""
    await service.delete(session, principal, listing)


@router.get("/listings/{listing}/versions", summary="List the versions of a listing")
@permissions.needs("marketplace:read")
async def list_listing_versions(
    listing: str, principal: PrincipalDep, session: SessionDep
) -> Sequence[ListingVersionRead]:
    """Newest first, each with what changed for callers. A job pins one with `?version=`."""
    return await catalog.versions(session, principal, listing)


@router.post(
    "/listings/{listing}/versions",
    status_code=201,
    summary="Add a version to a listing",
    response_model=ListingVersionRead,
)
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def add_listing_version(
    listing: str, asked: ListingVersionCreate, principal: PrincipalDep, session: SessionDep, once: OnceDep
) -> Response:
    """Callers who pin none get it from now on."""

    async def make() -> ListingVersionRead:
        await service.add_version(session, principal, listing, asked)
        return (await catalog.versions(session, principal, listing))[0]

    return await once.answer(session, principal, make)


@router.get("/listings/{listing}/sales", summary="What has come of a listing")
@permissions.needs("billing:read", "marketplace:read")
async def get_listing_sales(listing: str, principal: PrincipalDep, session: SessionDep) -> SalesRead:
    """For its publisher: runs, earnings and callers, as sums."""
    return await catalog.sales(session, principal, listing)
