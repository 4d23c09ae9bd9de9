"""Find, list and create skillpacks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.errors import Invalid, Problem
from backend.core.names import MAX_NAME, as_name, is_name
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.limits.quota_check import require_quota
from backend.skills.skillpacks.errors import SkillpackNotFound, SkillpackSlugTaken
from backend.skills.skillpacks.tables import Skillpack

MAX_LISTED = 10_000


async def get(session: AsyncSession, principal: Principal, ref: str | None = None) -> Skillpack:
    """Return the skillpack of that ID or slug, by default the project's default one.

    Raises:
        SkillpackNotFound: it does not exist.
    """
    return await _one(session, _named(principal, ref), ref)


async def lock(session: AsyncSession, principal: Principal, ref: str | None = None) -> Skillpack:
    """Return the skillpack, locked until the transaction ends; this serializes versions and activations.

    Raises:
        SkillpackNotFound: it does not exist.
    """
    query = _named(principal, ref).with_for_update().execution_options(populate_existing=True)
    return await _one(session, query, ref)


async def list_(session: AsyncSession, principal: Principal, *, limit: int = MAX_LISTED) -> list[Skillpack]:
    """Return the project's skillpacks: the default one first, then sorted by slug."""
    principal.require(Role.VIEWER, "deployments:read")
    query = visible(Skillpack, principal).order_by(col(Skillpack.is_default).desc(), col(Skillpack.slug))
    return list((await session.scalars(query.limit(limit))).all())


async def create(
    session: AsyncSession,
    principal: Principal,
    *,
    name: str,
    slug: str | None = None,
    description: str = "",
    quotas: Quotas | None = None,
) -> Skillpack:
    """Create a skillpack; without a slug, derive one from its name.

    Raises:
        Invalid: the name or the slug is not valid.
        SkillpackSlugTaken: the project already has a skillpack with that slug.
        QuotaReached: the project has the maximum number of skillpacks.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    skillpack = Skillpack(
        project_id=principal.project_id,
        slug=_checked_slug(slug, name),
        name=name.strip(),
        description=description,
    )
    await require_quota(session, principal, Quota.SKILLPACKS, quotas, visible(Skillpack, principal))
    try:
        async with session.begin_nested():
            session.add(skillpack)
    except IntegrityError as error:
        raise SkillpackSlugTaken(skillpack.slug) from error
    await audit.record(session, principal, "skillpack.created", skillpack.slug, name=skillpack.name)
    return skillpack


def as_id(ref: str) -> UUID | None:
    """Return the reference as an ID, if it is one."""
    try:
        return UUID(ref)
    except ValueError:
        return None


def _named(principal: Principal, ref: str | None) -> Select[Any]:
    query = visible(Skillpack, principal)
    if ref is None:
        return query.where(col(Skillpack.is_default))
    its_id = as_id(ref)
    return query.where(col(Skillpack.id) == its_id) if its_id else query.where(col(Skillpack.slug) == ref)


async def _one(session: AsyncSession, query: Select[Any], ref: str | None) -> Skillpack:
    found: Skillpack | None = None
    if not ref or "\0" not in ref:
        found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise SkillpackNotFound(ref or "default")
    return found


def _checked_slug(slug: str | None, name: str) -> str:
    if not name.strip() or len(name) > 200:
        raise Invalid(
            "The name of a skillpack must have 1 to 200 characters.",
            [Problem("name", "Send 1 to 200 characters.")],
        )
    wanted = as_name(name) if slug is None else slug
    if not is_name(wanted) or as_id(wanted):
        hint = f"Use a-z, 0-9, '-' and '_', at most {MAX_NAME} characters, and not an ID."
        raise Invalid(f"{wanted[:100]!r} is not a valid slug of a skillpack. {hint}", [Problem("slug", hint)])
    return wanted
