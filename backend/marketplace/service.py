"""Offering skills to the other projects of the instance: for admins of the publisher, and each change is audited."""

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
from backend.marketplace import following
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
MAX_WORDS: Final = 50_000
READ: Final = "marketplace:read"
WRITE: Final = "marketplace:write"


async def create(session: AsyncSession, principal: Principal, asked: ListingCreate) -> Listing:
    """Make a draft of an offer: nobody else sees it before it is published.

    Raises:
        Missing: the project has no such skill or version.
        Invalid: the slug cannot be one.
        NotListable: the skill cannot be offered.
        ListingSlugTaken: another listing of the instance has the name.
        TooManyListings: the project has as many as it may.
    """
    principal.require(Role.ADMIN, WRITE)
    _check(asked.slug, asked.marketing)
    found = await resolve_skill(
        session, principal, skill=asked.skill, skillpack=asked.skillpack, version=asked.version
    )
    counted = visible(Listing, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_LISTINGS:
        raise TooManyListings(MAX_LISTINGS)
    skill = found.skill
    listing = Listing(
        project_id=principal.project_id,
        slug=asked.slug,
        skillpack_id=found.skillpack_id,
        skill_name=skill.name,
        title=asked.title or skill.title or skill.name,
        description=(skill.description if asked.description is None else asked.description)[:4000],
        marketing=asked.marketing if asked.marketing is not None else skill.marketing or {},
        price_micros=asked.price_micros,
        follows_active=asked.follows_active,
        shows_approvals=asked.shows_approvals,
        created_by=principal.label,
    )
    listing.words = _words(listing)
    try:
        async with session.begin_nested():
            session.add(listing)
    except IntegrityError as error:
        raise ListingSlugTaken(asked.slug) from error
    deployment = await _deployment(session, principal, found.deployment_id)
    await following.add_version(session, principal, listing, deployment, notes=asked.notes)
    facts = {"skill": skill.name, "price_micros": asked.price_micros, "follows_active": asked.follows_active}
    await audit.record(
        session, principal, "listing.created", listing.slug, deployment_version=deployment.version, **facts
    )
    return listing


async def change(session: AsyncSession, principal: Principal, ref: str, asked: ListingUpdate) -> Listing:
    """Change an offer, publish it or take it down; jobs that exist keep their price and their version.

    Raises:
        ListingNotFound: the project has none such.
        NotListable: it is to show no approvals, and its newest version asks for some.
        ListingNotReady: it is to be published, and what it runs was deleted.
    """
    listing = await _held(session, principal, ref)
    _check(listing.slug, asked.marketing)
    given: dict[str, Any] = asked.model_dump(exclude_unset=True, exclude_none=True)
    status = given.pop("status", None)
    changed = {name: value for name, value in given.items() if getattr(listing, name) != value}
    before = {f"{name}_before": getattr(listing, name) for name in changed.keys() & {"price_micros"}}
    for name, value in changed.items():
        setattr(listing, name, value)
    if changed:
        listing.words, listing.updated_at = _words(listing), now()
        told = {name: value for name, value in changed.items() if name != "marketing"}
        await audit.record(session, principal, "listing.changed", listing.slug, **told, **before)
    if asked.follows_active:
        await _catch_up(session, principal, listing)
    if "shows_approvals" in changed:
        await following.require_listable(session, principal, listing)
    if status is not None and status != listing.status:
        await _set_status(session, principal, listing, status)
    await session.flush()
    return listing


async def add_version(
    session: AsyncSession, principal: Principal, ref: str, asked: ListingVersionCreate
) -> ListingVersion:
    """Give callers who pin no version another deployment of the same skill, from now on.

    Raises:
        ListingNotFound: the project has none such.
        Missing: there is no such version of the skillpack, or it has no such skill.
        NotListable: the skill cannot be offered as it is there.
    """
    listing = await _held(session, principal, ref)
    found = await resolve_skill(
        session,
        principal,
        skill=listing.skill_name,
        skillpack=str(listing.skillpack_id),
        version=asked.version,
    )
    deployment = await _deployment(session, principal, found.deployment_id)
    version = await following.add_version(session, principal, listing, deployment, notes=asked.notes)
    facts = {"version": version.number, "deployment_version": deployment.version}
    await audit.record(
        session,
        principal,
        "listing.version_added",
        listing.slug,
        is_breaking=version.is_breaking,
        **facts,
    )
    return version


async def delete(session: AsyncSession, principal: Principal, ref: str) -> None:
    """Forget a draft that was never published.

    Raises:
        ListingNotFound: the project has none such.
        ListingInUse: it was published: its name stays on what ran it, and can only be taken down.
    """
    listing = await _held(session, principal, ref)
    if listing.published_at is not None:
        raise ListingInUse(listing.slug)
    await session.delete(listing)
    await audit.record(session, principal, "listing.deleted", listing.slug)


async def own(session: AsyncSession, principal: Principal, ref: str) -> Listing:
    """The project's own listing of that id or slug.

    Raises:
        ListingNotFound: it has none such.
    """
    principal.require(Role.VIEWER, READ)
    return await _one(session, principal, ref)


async def _held(session: AsyncSession, principal: Principal, ref: str) -> Listing:
    principal.require(Role.ADMIN, WRITE)
    return await _one(session, principal, ref, is_held=True)


async def _one(session: AsyncSession, principal: Principal, ref: str, *, is_held: bool = False) -> Listing:
    its_id = as_id(ref)
    named = col(Listing.slug) == ref if its_id is None else col(Listing.id) == its_id
    query = visible(Listing, principal).where(named)
    if is_held:
        query = query.with_for_update().execution_options(populate_existing=True)
    found: Listing | None = None if "\0" in ref else (await session.scalars(query)).one_or_none()
    if found is None:
        raise ListingNotFound(ref)
    return found


async def _set_status(session: AsyncSession, principal: Principal, listing: Listing, status: str) -> None:
    if status == "published":
        current = await following.current_version(session, principal, listing)
        if current is None or not await _is_there(session, principal, current):
            raise ListingNotReady(listing.slug)
        listing.published_at = listing.published_at or now()
        listing.taken_down_at = None
    else:
        listing.taken_down_at = now()
    listing.status, listing.updated_at = status, now()
    facts = {"price_micros": listing.price_micros, "version": listing.last_version}
    await audit.record(session, principal, f"listing.{status}", listing.slug, **facts)


async def _catch_up(session: AsyncSession, principal: Principal, listing: Listing) -> None:
    """A listing that begins to follow gets what is active now."""
    found = await resolve_skill(
        session, principal, skill=listing.skill_name, skillpack=str(listing.skillpack_id)
    )
    await following.follow(session, principal, await _deployment(session, principal, found.deployment_id))


async def _is_there(session: AsyncSession, principal: Principal, version: ListingVersion) -> bool:
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
        mend = f"Use a-z, 0-9, '-' and '_', at most {MAX_NAME} characters, and not an id."
        raise Invalid(f"{slug[:100]!r} cannot be a listing's slug. {mend}", [Problem("slug", mend)])
    flaw = unstorable(marketing) if marketing is not None else None
    if flaw is not None:
        raise Invalid("The marketing cannot be stored.", [Problem("marketing", f"{flaw}. Take it out.")])


def _words(listing: Listing) -> str:
    """All that it is found by: its names, what it says of itself, and every text of its marketing."""
    texts = [
        listing.slug.replace("-", " ").replace("_", " "),
        listing.slug,
        listing.title,
        listing.description,
    ]
    waiting: list[Any] = [listing.marketing]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            texts.append(part)
        elif isinstance(part, dict):
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return "\n".join(texts)[:MAX_WORDS]
