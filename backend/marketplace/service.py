"""Manage listings, which offer skills to other projects of the instance.

Only admins of the publisher can, and each change is audited.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, Problem
from backend.core.names import MAX_NAME, is_name
from backend.core.schemas import unstorable
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import PRODUCTION
from backend.marketplace import listing_versions
from backend.marketplace.errors import (
    ListingInUse,
    ListingNotFound,
    ListingNotReady,
    ListingSlugTaken,
    TooManyListings,
)
from backend.marketplace.schemas import ListingCreate, ListingUpdate, ListingVersionCreate
from backend.marketplace.tables import Listing, ListingVersion
from backend.skills.deployments.active import resolve_skill
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.service import as_id

MAX_LISTINGS: Final = 200
MAX_VERSIONS: Final = 10_000
MAX_SEARCH_CHARACTERS: Final = 50_000
READ: Final = "marketplace:read"
WRITE: Final = "marketplace:write"


async def create(session: AsyncSession, principal: Principal, request: ListingCreate) -> Listing:
    """Create a draft of a listing, which only this project sees before it is published.

    Raises:
        Missing: The project has no such skill or version.
        Invalid: The slug is invalid.
        NotListable: The skill cannot be listed.
        ListingSlugTaken: Another listing of the instance has the slug.
        TooManyListings: The project has the maximum number of listings.
    """
    principal.require(Role.ADMIN, WRITE)
    _check(request.slug, request.marketing)
    found = await resolve_skill(
        session,
        principal,
        skill=request.skill,
        skillpack=request.skillpack,
        version=request.version,
        environment=PRODUCTION,
    )
    counted = visible(Listing, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_LISTINGS:
        raise TooManyListings(MAX_LISTINGS)
    skill = found.skill
    listing = Listing(
        project_id=principal.project_id,
        slug=request.slug,
        skillpack_id=found.skillpack_id,
        skill_name=skill.name,
        title=request.title or skill.title or skill.name,
        description=(skill.description if request.description is None else request.description)[:4000],
        marketing=request.marketing if request.marketing is not None else skill.marketing or {},
        price_micros=request.price_micros,
        follows_active=request.follows_active,
        shows_approvals=request.shows_approvals,
        created_by=principal.label,
    )
    listing.words = _search_text(listing)
    try:
        async with session.begin_nested():
            session.add(listing)
    except IntegrityError as error:
        raise ListingSlugTaken(request.slug) from error
    deployment = await _deployment(session, principal, found.deployment_id)
    await listing_versions.add_version(session, principal, listing, deployment, notes=request.notes)
    fields = {
        "skill": skill.name,
        "price_micros": request.price_micros,
        "follows_active": request.follows_active,
    }
    await audit.record(
        session, principal, "listing.created", listing.slug, deployment_version=deployment.version, **fields
    )
    return listing


async def change(session: AsyncSession, principal: Principal, ref: str, request: ListingUpdate) -> Listing:
    """Change, publish or take down a listing. Existing jobs keep their price and version.

    Raises:
        ListingNotFound: The project has no such listing.
        NotListable: It is to show no approvals, but its newest version asks for some.
        ListingNotReady: It is to be published, but its deployment was deleted.
    """
    listing = await _lock(session, principal, ref)
    _check(listing.slug, request.marketing)
    changes: dict[str, Any] = request.model_dump(exclude_unset=True, exclude_none=True)
    status = changes.pop("status", None)
    changed = {name: value for name, value in changes.items() if getattr(listing, name) != value}
    before = {f"{name}_before": getattr(listing, name) for name in changed.keys() & {"price_micros"}}
    for name, value in changed.items():
        setattr(listing, name, value)
    if changed:
        listing.words, listing.updated_at = _search_text(listing), now()
        audited = {name: value for name, value in changed.items() if name != "marketing"}
        await audit.record(session, principal, "listing.changed", listing.slug, **audited, **before)
    if request.follows_active:
        await _follow_now(session, principal, listing)
    if "shows_approvals" in changed:
        await listing_versions.require_listable(session, principal, listing)
    if status is not None and status != listing.status:
        await _set_status(session, principal, listing, status)
    await session.flush()
    return listing


async def add_version(
    session: AsyncSession, principal: Principal, ref: str, request: ListingVersionCreate
) -> ListingVersion:
    """Add another deployment of the same skill, for callers who pin no version.

    Raises:
        ListingNotFound: The project has no such listing.
        Missing: The skillpack has no such version, or the version has no such skill.
        NotListable: The skill cannot be listed in this version.
    """
    listing = await _lock(session, principal, ref)
    found = await resolve_skill(
        session,
        principal,
        skill=listing.skill_name,
        skillpack=str(listing.skillpack_id),
        version=request.version,
        environment=PRODUCTION,
    )
    deployment = await _deployment(session, principal, found.deployment_id)
    version = await listing_versions.add_version(session, principal, listing, deployment, notes=request.notes)
    fields = {"version": version.number, "deployment_version": deployment.version}
    await audit.record(
        session,
        principal,
        "listing.version_added",
        listing.slug,
        is_breaking=version.is_breaking,
        **fields,
    )
    return version


async def delete(session: AsyncSession, principal: Principal, ref: str) -> None:
    """Delete a draft that was never published.

    Raises:
        ListingNotFound: The project has no such listing.
        ListingInUse: It was published. Jobs refer to its name, so it can only be taken down.
    """
    listing = await _lock(session, principal, ref)
    if listing.published_at is not None:
        raise ListingInUse(listing.slug)
    await session.delete(listing)
    await audit.record(session, principal, "listing.deleted", listing.slug)


async def own(session: AsyncSession, principal: Principal, ref: str) -> Listing:
    """Return the project's own listing with this ID or slug.

    Raises:
        ListingNotFound: The project has no such listing.
    """
    principal.require(Role.VIEWER, READ)
    return await _get(session, principal, ref)


async def _lock(session: AsyncSession, principal: Principal, ref: str) -> Listing:
    principal.require(Role.ADMIN, WRITE)
    return await _get(session, principal, ref, is_locking=True)


async def _get(session: AsyncSession, principal: Principal, ref: str, *, is_locking: bool = False) -> Listing:
    listing_id = as_id(ref)
    condition = col(Listing.slug) == ref if listing_id is None else col(Listing.id) == listing_id
    query = visible(Listing, principal).where(condition)
    if is_locking:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: Listing | None = None if "\0" in ref else (await session.scalars(query)).one_or_none()
    if found is None:
        raise ListingNotFound(ref)
    return found


async def _set_status(session: AsyncSession, principal: Principal, listing: Listing, status: str) -> None:
    if status == "published":
        current = await listing_versions.current_version(session, principal, listing)
        if current is None or not await _is_available(session, principal, current):
            raise ListingNotReady(listing.slug)
        listing.published_at = listing.published_at or now()
        listing.taken_down_at = None
    else:
        listing.taken_down_at = now()
    listing.status, listing.updated_at = status, now()
    fields = {"price_micros": listing.price_micros, "version": listing.last_version}
    await audit.record(session, principal, f"listing.{status}", listing.slug, **fields)


async def _follow_now(session: AsyncSession, principal: Principal, listing: Listing) -> None:
    """Add the active version to a listing that starts to follow."""
    found = await resolve_skill(
        session,
        principal,
        skill=listing.skill_name,
        skillpack=str(listing.skillpack_id),
        environment=PRODUCTION,
    )
    await listing_versions.follow(
        session, principal, await _deployment(session, principal, found.deployment_id)
    )


async def _is_available(session: AsyncSession, principal: Principal, version: ListingVersion) -> bool:
    query = visible(Deployment, principal).where(
        col(Deployment.id) == version.deployment_id, col(Deployment.deleted_at).is_(None)
    )
    return (await session.scalars(query)).first() is not None


async def _deployment(session: AsyncSession, principal: Principal, deployment_id: Any) -> Deployment:
    query = visible(Deployment, principal).where(col(Deployment.id) == deployment_id)
    deployment: Deployment = (await session.scalars(query)).one()
    return deployment


def _check(slug: str, marketing: dict[str, Any] | None) -> None:
    if not is_name(slug) or as_id(slug):
        message = f"Use a-z, 0-9, '-' and '_', at most {MAX_NAME} characters, and not an ID."
        raise Invalid(
            f"{slug[:100]!r} is not a valid slug of a listing. {message}", [Problem("slug", message)]
        )
    problem = unstorable(marketing) if marketing is not None else None
    if problem is not None:
        raise Invalid("The marketing cannot be stored.", [Problem("marketing", f"{problem}. Remove it.")])


def _search_text(listing: Listing) -> str:
    """Return the text that searches use: names, description, and every text of the marketing."""
    texts = [
        listing.slug.replace("-", " ").replace("_", " "),
        listing.slug,
        listing.title,
        listing.description,
    ]
    pending: list[Any] = [listing.marketing]
    while pending:
        part = pending.pop()
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return "\n".join(texts)[:MAX_SEARCH_CHARACTERS]
