"""Read listings for callers: published ones of all projects, and their own."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.identity.auth.principal import Principal, Role
from backend.marketplace import reach
from backend.marketplace.errors import ListingNotFound
from backend.marketplace.schemas import (
    Access,
    ListingRead,
    ListingStatus,
    ListingSummary,
    ListingVersionRead,
    SalesRead,
)
from backend.marketplace.service import MAX_VERSIONS, READ, own
from backend.money.pricing import PriceList
from backend.skills.deployments import manifests
from backend.skills.job_limits import JobLimits
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Manifest, Skill
from backend.skills.skillpacks.service import as_id

_ROWS: Final = """
select l.*, (select o.name from projects o where o.id = l.project_id) as publisher from listings l
"""
_MATCHES: Final = """
and to_tsvector('simple'::regconfig, l.words) @@ websearch_to_tsquery('simple'::regconfig, cast(:q as text))
"""
_LISTING: Final = text("""
select l.*, (select o.name from projects o where o.id = l.project_id) as publisher, v.deployment_id,
       v.deployment_version
from listings l left join listing_versions v on v.listing_id = l.id and v.number = l.last_version
where (l.id = cast(:listing_id as uuid) or l.slug = cast(:slug as text))
  and (l.status = 'published' or l.project_id = :project_id)
""")
_VERSIONS: Final = text("""
select v.*, d.id is not null as is_available
from listing_versions v left join deployments d on d.id = v.deployment_id and d.deleted_at is null
where v.listing_id = :listing_id and v.project_id = :publisher_id order by v.number desc limit :most
""")
_SALES: Final = text("""
select count(*) as callers, coalesce(sum(runs), 0) as runs, coalesce(sum(succeeded), 0) as succeeded,
       cast(coalesce(sum(charged_micros), 0) as bigint) as charged_micros,
       cast(coalesce(sum(earned_micros), 0) as bigint) as earned_micros
from listing_callers where listing_id = :listing_id and project_id = :project_id
""")
_DRIVE: Final = (
    "The files that the inputs name, read only, and nothing else of the drive. When it succeeds, its files "
    "are stored in listings/SLUG/JOB of the drive."
)
_INPUTS: Final = (
    "All of the job's inputs. The publisher decides where its code sends them, within the network rules."
)
_SECRETS: Final = "Those of its publisher, never the caller's: neither secrets nor keys of models."


class ListingFilter(NamedTuple):
    """Selects the listings of a list."""

    q: str | None = None
    """Words in the syntax of a search box."""
    is_own: bool = False
    """The project's own listings, with any status."""
    status: ListingStatus | None = None
    """Status of the project's own listings."""


async def list_some(
    session: AsyncSession, principal: Principal, page: Page, filters: ListingFilter
) -> Slice[ListingSummary]:
    """Return published listings, newest first, or the project's own."""
    principal.require(Role.VIEWER, READ)
    values: dict[str, Any] = {"project_id": principal.project_id, "limit": page.limit + 1}
    order_column = "l.created_at" if filters.is_own else "l.published_at"
    conditions = ["where l.project_id = :project_id" if filters.is_own else "where l.status = 'published'"]
    if filters.is_own and filters.status is not None:
        conditions.append("and l.status = :status")
        values["status"] = filters.status
    if filters.q and filters.q.strip():
        conditions.append(_MATCHES)
        values["q"] = filters.q
    before = page.time_position()
    if before is not None:
        conditions.append(f"and ({order_column}, l.id) < (:at, :below_id)")
        values |= {"at": before.at, "below_id": before.id}
    query = text(f"{_ROWS} {' '.join(conditions)} order by {order_column} desc, l.id desc limit :limit")
    rows = (await session.execute(query, values)).all()
    shown = page.slice(rows, lambda row: (row.created_at if filters.is_own else row.published_at, row.id))
    return Slice([ListingSummary(**_summary(row, principal)) for row in shown.items], shown.next_cursor)


async def get(session: AsyncSession, principal: Principal, ref: str, prices: PriceList) -> ListingRead:
    """Return one listing with everything that a caller should know before running it.

    Raises:
        ListingNotFound: It is not offered to the caller.
    """
    principal.require(Role.VIEWER, READ)
    return await _listing_read(session, principal, await _row(session, principal, ref), prices)


async def versions(session: AsyncSession, principal: Principal, ref: str) -> list[ListingVersionRead]:
    """Return the versions of a listing, newest first.

    Raises:
        ListingNotFound: It is not offered to the caller.
    """
    principal.require(Role.VIEWER, READ)
    row = await _row(session, principal, ref)
    values = {"listing_id": row.id, "publisher_id": row.project_id, "most": MAX_VERSIONS}
    is_own = row.project_id == principal.project_id
    return [
        ListingVersionRead(
            number=one.number,
            notes=one.notes,
            is_breaking=one.is_breaking,
            changes=one.changes,
            is_available=one.is_available,
            created_at=one.created_at,
            deployment_version=one.deployment_version if is_own else None,
        )
        for one in (await session.execute(_VERSIONS, values)).all()
    ]


async def sales(session: AsyncSession, principal: Principal, ref: str) -> SalesRead:
    """Return the sales of one of the project's own listings.

    Raises:
        ListingNotFound: The project has no such listing.
    """
    principal.require(Role.VIEWER, "billing:read")
    listing = await own(session, principal, ref)
    values = {"listing_id": listing.id, "project_id": principal.project_id}
    row = (await session.execute(_SALES, values)).one()
    return SalesRead(
        listing_id=listing.id, slug=listing.slug, earned_usd=row.earned_micros / 1e6, **row._asdict()
    )


async def _row(session: AsyncSession, principal: Principal, ref: str) -> Any:
    listing_id = as_id(ref)
    slug = ref if listing_id is None and "\0" not in ref else None
    values = {"listing_id": listing_id, "slug": slug, "project_id": principal.project_id}
    row = (await session.execute(_LISTING, values)).one_or_none()
    if row is None:
        raise ListingNotFound(ref)
    return row


async def _listing_read(
    session: AsyncSession, principal: Principal, row: Any, prices: PriceList
) -> ListingRead:
    manifest, skill = await _skill(session, row.deployment_id, row.skill_name)
    reached = reach.reached_by(manifest, skill)
    is_own = row.project_id == principal.project_id
    price = 0 if is_own else row.price_micros
    return ListingRead(
        **_summary(row, principal),
        marketing=row.marketing,
        skill=row.skill_name,
        type=skill.type,
        model=skill.model,
        media_kinds=list(skill.media_kinds),
        input_schema=skill.input_json_schema,
        output_schema=skill.output_json_schema,
        examples=[example.model_dump(mode="json") for example in skill.examples],
        timeout_s=job_ceilings.current().declared_timeout_s(skill),
        cap_micros=price + prices.cap_micros(skill, JobLimits()),
        access=Access(
            inputs=_INPUTS,
            drive=_DRIVE,
            network=reach.network_of(reached),
            servers=reach.servers_of(reached),
            secrets=_SECRETS,
        ),
        deployment_version=row.deployment_version if is_own else None,
    )


async def _skill(session: AsyncSession, deployment_id: UUID, name: str) -> tuple[Manifest, Skill]:
    stored = (await manifests.of(session, (deployment_id,))).get(deployment_id)
    skill = stored.manifest.find(name) if stored is not None else None
    if stored is None or skill is None:
        raise ListingNotFound(name)
    return stored.manifest, skill


def _summary(row: Any, principal: Principal) -> dict[str, Any]:
    copied = (
        "id",
        "slug",
        "publisher",
        "title",
        "description",
        "status",
        "price_micros",
        "follows_active",
        "shows_approvals",
    )
    return {
        **{name: getattr(row, name) for name in copied},
        "is_own": row.project_id == principal.project_id,
        "price_usd": row.price_micros / 1e6,
        "version": row.last_version,
        "published_at": row.published_at,
        "updated_at": row.updated_at,
    }
