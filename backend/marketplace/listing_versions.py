"""Manage the versions of listings: added by hand, or with each activation of a skillpack that a listing follows."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Problem
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.marketplace import listable
from backend.marketplace.errors import NotListable
from backend.marketplace.tables import Listing, ListingVersion
from backend.skills.deployments import manifests
from backend.skills.deployments.tables import Deployment
from backend.skills.manifest.types import Manifest

_TAKE_DOWN: Final = text("""
update listings set status = 'taken_down', taken_down_at = now(), updated_at = now()
where project_id = :project_id and status = 'published' returning slug
""")
_USES: Final = text("""
select l.slug from listings l
join listing_versions v on v.listing_id = l.id and v.number = l.last_version
where v.project_id = :project_id and v.deployment_id = :deployment_id and l.status <> 'taken_down'
order by l.slug limit 1
""")


async def add_version(
    session: AsyncSession, principal: Principal, listing: Listing, deployment: Deployment, *, notes: str = ""
) -> ListingVersion:
    """Make the deployment the newest version of the listing, whose row is locked.

    Raises:
        NotListable: The deployment has no such skill, or the skill cannot be listed.
    """
    before = await current_version(session, principal, listing)
    deployment_ids = [deployment.id, *([before.deployment_id] if before is not None else [])]
    manifests_by_id = {
        found: one.manifest for found, one in (await manifests.of(session, deployment_ids)).items()
    }
    manifest = manifests_by_id[deployment.id]
    _require_listable(listing, manifest)
    previous = manifests_by_id.get(before.deployment_id) if before is not None else None
    difference = listable.difference(listing.skill_name, previous, manifest)
    listing.last_version += 1
    listing.updated_at = now()
    version = ListingVersion(
        listing_id=listing.id,
        number=listing.last_version,
        project_id=listing.project_id,
        deployment_id=deployment.id,
        deployment_version=deployment.version or 0,
        notes=notes,
        is_breaking=difference.is_breaking,
        changes=difference.changes,
    )
    session.add(version)
    await session.flush()
    return version


async def current_version(
    session: AsyncSession, principal: Principal, listing: Listing
) -> ListingVersion | None:
    """Return the version for callers who name none."""
    query = visible(ListingVersion, principal).where(
        col(ListingVersion.listing_id) == listing.id, col(ListingVersion.number) == listing.last_version
    )
    found: ListingVersion | None = (await session.scalars(query)).one_or_none()
    return found


async def require_listable(session: AsyncSession, principal: Principal, listing: Listing) -> None:
    """Require that the newest version of a listing can be listed with its current settings.

    Raises:
        NotListable: It cannot be listed.
    """
    current = await current_version(session, principal, listing)
    if current is not None:
        found = await manifests.of(session, [current.deployment_id])
        _require_listable(listing, found[current.deployment_id].manifest)


async def follow(session: AsyncSession, principal: Principal, deployment: Deployment) -> None:
    """Add the newly activated version to the listings that follow the skillpack.

    A listing whose skill was removed, or cannot be listed as it is now, keeps its version; the audit records this.
    """
    query = (
        visible(Listing, principal)
        .where(
            col(Listing.skillpack_id) == deployment.skillpack_id,
            col(Listing.follows_active),
            col(Listing.status) != "taken_down",
        )
        .order_by(col(Listing.id))
    )
    for listing in (await session.scalars(query.with_for_update())).all():
        current = await current_version(session, principal, listing)
        if current is not None and current.deployment_id == deployment.id:
            continue
        fields: dict[str, Any] = {"deployment_version": deployment.version}
        try:
            version = await add_version(session, principal, listing, deployment)
        except NotListable as problem:
            action, fields["reason"] = "listing.version_refused", problem.detail
        else:
            action, fields["version"] = "listing.version_added", version.number
        await audit.record(session, principal, action, listing.slug, **fields)


async def listing_on(session: AsyncSession, principal: Principal, deployment_id: UUID) -> str | None:
    """Return the slug of a listing that runs the deployment now, if there is one."""
    values = {"project_id": principal.project_id, "deployment_id": deployment_id}
    found: str | None = (await session.execute(_USES, values)).scalar_one_or_none()
    return found


async def take_down_all(session: AsyncSession, principal: Principal) -> None:
    """Take down the listings of a project that is deleted. Running jobs of them are not affected."""
    rows = await session.execute(_TAKE_DOWN, {"project_id": principal.project_id})
    for slug in rows.scalars().all():
        await audit.record(session, principal, "listing.taken_down", slug, reason="its project was deleted")


async def taken_down(session: AsyncSession, project_id: UUID) -> list[str]:
    """Return the slugs of a project's listings that are taken down."""
    query = select(col(Listing.slug)).where(
        col(Listing.project_id) == project_id, col(Listing.status) == "taken_down"
    )
    return list((await session.scalars(query.order_by(col(Listing.slug)))).all())


def _require_listable(listing: Listing, manifest: Manifest) -> None:
    skill = manifest.find(listing.skill_name)
    if skill is None:
        found = [Problem("version", "This version has no such skill.")]
    else:
        found = listable.problems(manifest, skill, shows_approvals=listing.shows_approvals)
    if found:
        raise NotListable(listing.skill_name, found)
