"""Define the routes of the marketplace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.marketplace import catalog, service
from backend.marketplace.catalog import NEWEST_FIRST, ListingFilter, ListingSort
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


@router.get("/listings", summary="Search the marketplace")
@permissions.needs("marketplace:read")
async def list_listings(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    q: Annotated[
        str | None, Query(max_length=200, description="Words in name, description or marketing.")
    ] = None,
    mine: Annotated[
        bool, Query(description="The project's own listings, including drafts and those taken down.")
    ] = False,
    status: Annotated[
        ListingStatus | None, Query(description="Status of the project's own listings.")
    ] = None,
    sort: Annotated[
        ListingSort,
        Query(
            description="The order; `-` for descending. Own listings are sorted by their creation instead of "
            "`published_at`, and also by `status`, and with `billing:read` by their succeeded `runs`, their `callers` "
            "and what they `earned`."
        ),
    ] = NEWEST_FIRST,
) -> Sequence[ListingSummary]:
    """List published listings, by default newest first. With `mine=true`: the project's own."""
    filters = ListingFilter(q, is_own=mine, status=status)
    return linked(request, response, await catalog.list_some(session, principal, page, filters, sort=sort))


@router.post(
    "/listings", status_code=201, summary="Offer a skill to other projects", response_model=ListingRead
)
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def create_listing(
    body: ListingCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a draft that only this project sees. Publish it with a PATCH of its status."""

    async def create() -> ListingRead:
        listing = await service.create(session, principal, body)
        return await catalog.get(session, principal, listing.slug, PriceList.of(context.settings))

    return await idempotent.run(session, principal, create)


@router.get("/listings/{listing}", summary="Read a listing")
@permissions.needs("marketplace:read")
async def get_listing(
    listing: str, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> ListingRead:
    """Return a listing by ID or slug: inputs and outputs, the price of a run, and what its code can access."""
    return await catalog.get(session, principal, listing, PriceList.of(context.settings))


@router.patch("/listings/{listing}", summary="Change, publish or take down a listing")
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def change_listing(
    listing: str,
    body: ListingUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
) -> ListingRead:
    """Change a listing. Existing jobs keep the price and the version of their submission."""
    changed = await service.change(session, principal, listing, body)
    return await catalog.get(session, principal, changed.slug, PriceList.of(context.settings))


@router.delete("/listings/{listing}", status_code=204, summary="Delete a draft listing")
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def delete_listing(listing: str, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a draft that was never published. Take down other listings instead."""
    await service.delete(session, principal, listing)


@router.get("/listings/{listing}/versions", summary="List the versions of a listing")
@permissions.needs("marketplace:read")
async def list_listing_versions(
    listing: str, principal: PrincipalDep, session: SessionDep
) -> Sequence[ListingVersionRead]:
    """List versions, newest first, each with its changes for callers. A job pins one with `?version=`."""
    return await catalog.versions(session, principal, listing)


@router.post(
    "/listings/{listing}/versions",
    status_code=201,
    summary="Add a version to a listing",
    response_model=ListingVersionRead,
)
@permissions.needs("marketplace:write", role=Role.ADMIN)
async def add_listing_version(
    listing: str,
    body: ListingVersionCreate,
    principal: PrincipalDep,
    session: SessionDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Add a version. Callers who pin none use it from now on."""

    async def create() -> ListingVersionRead:
        await service.add_version(session, principal, listing, body)
        return (await catalog.versions(session, principal, listing))[0]

    return await idempotent.run(session, principal, create)


@router.get("/listings/{listing}/sales", summary="Read the sales of a listing")
@permissions.needs("billing:read", "marketplace:read")
async def get_listing_sales(listing: str, principal: PrincipalDep, session: SessionDep) -> SalesRead:
    """Return sums of runs, earnings and callers, for the publisher."""
    return await catalog.sales(session, principal, listing)
