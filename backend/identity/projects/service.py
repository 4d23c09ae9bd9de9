"""Projects: read, renamed, adopted by their first owner."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Invalid, Problem
from backend.identity.auth import audit
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal
from backend.identity.limits import service as limits
from backend.identity.projects.errors import SlugTaken
from backend.identity.tables import Member, Project

MAX_SLUG_CHARACTERS: Final = 48
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


async def change(
    session: AsyncSession,
    principal: Principal,
    *,
    name: str | None = None,
    slug: str | None = None,
    concurrency_limit: int | None = None,
    defaults: Mapping[str, int | None] | None = None,
) -> Project:
    """Give the project another name, slug or limit; what is `None` stays.

    `defaults` are the instance's limits, without which no limit can be given.

    Raises:
        SlugTaken: another project has the slug.
        Invalid: the name or the slug is not a possible one.
        CeilingExceeded: the limit is above the operator's ceiling.
    """
    project = await project_of(session, principal)
    if name is not None:
        project.name = checked_name(name)
    if slug is not None and slug != project.slug:
        await _rename(session, project, checked_slug(slug))
    if concurrency_limit is not None:
        if defaults is None:
            raise ValueError("A window is given with the instance's limits, which say what its ceiling is.")
        await limits.lower_window(session, principal, concurrency_limit, defaults)
    changed = {"name": name, "slug": slug, "concurrency_limit": concurrency_limit}
    facts = {key: value for key, value in changed.items() if value is not None}
    await audit.record(session, principal, "project.changed", project.slug, **facts)
    return project


async def adopt(session: AsyncSession, user_id: UUID) -> int:
    """Make the user the owner of every project that has no member; returns how many."""
    has_members = select(col(Member.project_id)).where(col(Member.project_id) == col(Project.id)).exists()
    orphans = select(col(Project.id)).where(col(Project.deleted_at).is_(None), ~has_members)
    ids = (await session.scalars(orphans)).all()
    session.add_all(Member(project_id=project_id, user_id=user_id, role="owner") for project_id in ids)
    await session.flush()
    return len(ids)


async def _rename(session: AsyncSession, project: Project, slug: str) -> None:
    try:
        async with session.begin_nested():
            await session.execute(update(Project).where(col(Project.id) == project.id).values(slug=slug))
    except IntegrityError as error:
        raise SlugTaken(slug) from error
    await session.refresh(project, ["slug"])


def checked_name(name: str) -> str:
    """Return the name without spaces around it.

    Raises:
        Invalid: A project cannot have it.
    """
    name = name.strip()
    if not 1 <= len(name) <= 200 or "\x00" in name:
        raise Invalid(
            "A project's name has 1 to 200 characters.", [Problem("name", "Give 1 to 200 characters.")]
        )
    return name


def checked_slug(slug: str) -> str:
    """The slug, if a project can have it.

    Raises:
        Invalid: it cannot.
    """
    if _is_id(slug) or len(slug) > MAX_SLUG_CHARACTERS or not _SLUG.fullmatch(slug):
        mend = f"Use 1 to {MAX_SLUG_CHARACTERS} of a-z, 0-9 and '-', not '-' at an end, and not an id."
        raise Invalid(f"{slug!r} cannot be a project's slug. {mend}", [Problem("slug", mend)])
    return slug


def _is_id(slug: str) -> bool:
    try:
        UUID(slug)
    except ValueError:
        return False
    return True
