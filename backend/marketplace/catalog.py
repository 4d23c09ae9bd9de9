"""Read listings for callers: published ones of all projects, and their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.core.db.sorting import SortKey, number_key, position_after, time_key
from backend.core.errors import Invalid, Problem
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

ListingSort = Literal[
    "published_at",
    "-published_at",
    "title",
    "-title",
    "price",
    "-price",
    "status",
    "-status",
    "runs",
    "-runs",
    "callers",
    "-callers",
    "earned",
    "-earned",
]
"""The order of a list of listings; `-` for descending."""
NEWEST_FIRST: Final[ListingSort] = "-published_at"
_SORT_KEYS: Final[Mapping[str, SortKey]] = {
    "title": SortKey("lower(coalesce(nullif(l.title, ''), l.slug))"),
    "price": SortKey("l.price_micros", number_key),
    "status": SortKey("l.status"),
    "runs": SortKey("s.succeeded", number_key),
    "callers": SortKey("s.callers", number_key),
    "earned": SortKey("s.earned_micros", number_key),
}
_SALES_SORTS: Final = frozenset({"runs", "callers", "earned"})
_OWN_SORTS: Final = _SALES_SORTS | {"status"}
_ROWS: Final = """
select l.*, (select o.name from projects o where o.id = l.project_id) as publisher, {key} as sort_key
from listings l {sales}
"""
_OWN_SALES: Final = """
cross join lateral (
  select count(*) as callers, cast(coalesce(sum(c.succeeded), 0) as bigint) as succeeded,
         cast(coalesce(sum(c.earned_micros), 0) as bigint) as earned_micros
  from listing_callers c where c.listing_id = l.id and c.project_id = :project_id
) s
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
_SALES_OF_SOME: Final = text("""
select listing_id, count(*) as callers, sum(runs) as runs, sum(succeeded) as succeeded,
       cast(sum(earned_micros) as bigint) as earned_micros
from listing_callers where listing_id = any(:listing_ids) and project_id = :project_id group by listing_id
""")
_EARNED: Final = text("""
select cast(coalesce(sum(earned_micros), 0) as bigint) from listing_callers where project_id = :project_id
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


class ListingSales(NamedTuple):
    """The sales of a listing as sums."""

    callers: int = 0
    runs: int = 0
    succeeded: int = 0
    earned_micros: int = 0


async def list_some(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    filters: ListingFilter,
    *,
    sort: ListingSort = NEWEST_FIRST,
) -> Slice[ListingSummary]:
    """Return a page of the published listings, by default newest first, or of the project's own.

    Raises:
        Invalid: The order is for own listings only, or the cursor is not one of a list in this order.
    """
    principal.require(Role.VIEWER, READ)
    field, is_descending = sort.removeprefix("-"), sort.startswith("-")
    if field in _OWN_SORTS and not filters.is_own:
        message = (
            f"Only the project's own listings can be sorted by {field}. Add mine=true, or use another order."
        )
        raise Invalid(message, [Problem("query.sort", message)])
    if field in _SALES_SORTS:
        principal.require(Role.VIEWER, "billing:read")
    key = _sort_key(field, is_own=filters.is_own)
    values: dict[str, Any] = {"project_id": principal.project_id, "limit": page.limit + 1}
    conditions = ["where l.project_id = :project_id" if filters.is_own else "where l.status = 'published'"]
    if filters.is_own and filters.status is not None:
        conditions.append("and l.status = :status")
        values["status"] = filters.status
    if filters.q and filters.q.strip():
        conditions.append(_MATCHES)
        values["q"] = filters.q
    after = position_after(page, sort, key.parse)
    if after is not None:
        conditions.append(f"and ({key.expression}, l.id) {'<' if is_descending else '>'} (:key, :after_id)")
        values |= {"key": after.key, "after_id": after.id}
    direction = "desc" if is_descending else "asc"
    query = text(
        _ROWS.format(key=key.expression, sales=_OWN_SALES if field in _SALES_SORTS else "")
        + f" {' '.join(conditions)} order by {key.expression} {direction}, l.id {direction} limit :limit"
    )
    rows = (await session.execute(query, values)).all()
    shown = page.slice(rows, lambda row: (sort, row.sort_key, row.id))
    return Slice([ListingSummary(**_summary(row, principal)) for row in shown.items], shown.next_cursor)


def _sort_key(field: str, *, is_own: bool) -> SortKey:
    """Return the SQL of a sort key."""
    if field == "published_at":
        return SortKey("l.created_at" if is_own else "l.published_at", time_key)
    return _SORT_KEYS[field]


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


async def sales_of(
    session: AsyncSession, principal: Principal, listing_ids: Sequence[UUID]
) -> dict[UUID, ListingSales]:
    """Return the sales of those of the project's own listings that have any."""
    principal.require(Role.VIEWER, "billing:read")
    values = {"listing_ids": list(listing_ids), "project_id": principal.project_id}
    rows = (await session.execute(_SALES_OF_SOME, values)).all()
    return {
        row.listing_id: ListingSales(row.callers, row.runs, row.succeeded, row.earned_micros) for row in rows
    }


async def earned_micros(session: AsyncSession, principal: Principal) -> int:
    """Return what the project has earned with all of its listings."""
    principal.require(Role.VIEWER, "billing:read")
    return int((await session.execute(_EARNED, {"project_id": principal.project_id})).scalar_one())


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
