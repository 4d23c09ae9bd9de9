"""Resolve the name of a listing to the skill that a job runs and its price, during submission."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.errors import Problem
from backend.identity.auth import skill_allowlist
from backend.identity.auth.errors import SkillNotOnKey
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import (
    BadListingJob,
    ListingNotCallable,
    ListingNotFound,
    ListingVersionNotFound,
    PriceOverLimit,
    WalletTooSmall,
)
from backend.money.pricing import PriceList, usd_to_micros
from backend.skills.deployments import manifests
from backend.skills.deployments.active import MAX_VERSION, ResolvedSkill
from backend.skills.job_limits import JobLimits
from backend.skills.skillpacks.service import as_id

_FIND: Final = text("""
select l.id, l.slug, l.project_id, l.skillpack_id, l.skill_name, l.price_micros, l.last_version, v.number,
       d.id as deployment_id, d.version as deployment_version, p.slug as skillpack_slug, p.is_default,
       exists (select from budgets b where b.project_id = :project_id and b.enforce) as has_budgets
from listings l
join projects o on o.id = l.project_id and o.deleted_at is null
join skillpacks p on p.id = l.skillpack_id
left join listing_versions v on v.listing_id = l.id and v.number = coalesce(cast(:version as int), l.last_version)
left join deployments d on d.id = v.deployment_id and d.deleted_at is null
where (l.id = cast(:listing_id as uuid) or l.slug = cast(:slug as text))
  and (l.status = 'published' or (l.status = 'draft' and l.project_id = :project_id))
""")
_BALANCE: Final = text("select balance_micros from wallets where project_id = :project_id")


class Offer(NamedTuple):
    """The skill that a job of a listing runs, and its price."""

    resolved: ResolvedSkill
    listing_id: UUID
    slug: str
    version: int
    publisher_id: UUID | None
    """None: it is the caller's own listing, which has no price and no hidden details."""
    price_micros: int = 0
    earning_micros: int = 0

    @property
    def columns(self) -> dict[str, Any]:
        """Return the columns of the job's row."""
        return {
            "listing_id": self.listing_id,
            "listing": self.slug,
            "listing_version": self.version,
            "publisher_id": self.publisher_id,
            "price_micros": self.price_micros,
            "earning_micros": self.earning_micros,
        }


NO_LISTING: Final[dict[str, Any]] = {
    "listing_id": None,
    "listing": "",
    "listing_version": None,
    "publisher_id": None,
    "price_micros": 0,
    "earning_micros": 0,
}
"""The columns of a job without a listing."""


async def find(
    session: AnySession, principal: Principal, ref: str, *, version: int | None, prices: PriceList
) -> Offer:
    """Return the listing with this ID or slug, in the requested or its newest version.

    Raises:
        NotAllowed: The principal is a running job, or a key that may not run it.
        ListingNotFound: It is not offered to the caller.
        ListingVersionNotFound: It has no such version, or the deployment of the version was deleted.
    """
    if principal.kind == "job":
        raise ListingNotCallable.by_skill()
    listing_id = as_id(ref)
    values = {
        "listing_id": listing_id,
        "slug": ref if listing_id is None and "\0" not in ref else None,
        "version": version if version is None or version <= MAX_VERSION else 0,
        "project_id": principal.project_id,
    }
    row = (await session.execute(_FIND, values)).one_or_none()
    if row is None:
        raise ListingNotFound(ref)
    _check_key(principal, row.slug)
    stored = None
    if row.deployment_id is not None:
        stored = (await manifests.of(session, (row.deployment_id,))).get(row.deployment_id)
    skill = stored.manifest.find(row.skill_name) if stored is not None else None
    if stored is None or skill is None:
        raise ListingVersionNotFound(row.slug, version or row.last_version, row.last_version)
    resolved = ResolvedSkill(
        skill=skill,
        skillpack_id=row.skillpack_id,
        skillpack_slug=row.skillpack_slug,
        deployment_id=row.deployment_id,
        version=row.deployment_version,
        sha256=stored.sha256,
        is_default=row.is_default,
        has_budgets=row.has_budgets,
    )
    if row.project_id == principal.project_id:
        return Offer(resolved, row.id, row.slug, row.number, None)
    fee = row.price_micros * prices.market_fee_pct // 100
    return Offer(
        resolved, row.id, row.slug, row.number, row.project_id, row.price_micros, row.price_micros - fee
    )


def check_request(offer: Offer, *, skillpack: str | None, model: str | None, lane: str | None) -> None:
    """Reject settings that only the publisher of a listing can choose.

    Raises:
        BadListingJob: The request has such a setting.
    """
    caller_settings = {
        "skillpack": skillpack is not None,
        "model": model is not None,
        "lane": lane not in (None, offer.resolved.skill.lane or "default"),
    }
    for name, is_set in caller_settings.items():
        if is_set:
            raise BadListingJob(
                offer.slug, Problem(name, "Only the publisher can set this. Omit this field.")
            )


async def cap_micros(
    session: AnySession, principal: Principal, offer: Offer, limits: JobLimits, prices: PriceList
) -> int:
    """Return the maximum cost of the job including its price. The job's own limit includes the price too.

    Raises:
        PriceOverLimit: That limit is below the price.
        WalletTooSmall: The balance of the wallet is less than the maximum cost.
    """
    skill, price = offer.resolved.skill, offer.price_micros
    if not price:
        return prices.cap_micros(skill, limits)
    cap = price + prices.cap_micros(skill, limits.model_copy(update={"cost_usd": None}))
    if limits.cost_usd is not None:
        own_limit = usd_to_micros(limits.cost_usd)
        if own_limit < price:
            raise PriceOverLimit(offer.slug, price, own_limit)
        cap = min(cap, own_limit)
    balance: int = (await session.execute(_BALANCE, {"project_id": principal.project_id})).scalar_one()
    if balance < cap:
        raise WalletTooSmall(offer.slug, price, cap, balance)
    return cap


def _check_key(principal: Principal, slug: str) -> None:
    """Require that the key of public clients names the listing, since any other could cause unexpected costs."""
    name = f"{skill_allowlist.LISTING}{slug}"
    is_unrestricted = not principal.skill_allowlist and principal.kind != "publishable_key"
    if not is_unrestricted and name not in principal.skill_allowlist:
        raise SkillNotOnKey(name, principal.skill_allowlist)
