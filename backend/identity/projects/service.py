"""Change projects, and assign projects without members to the first owner."""

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
    """Change the name, slug or limit of the project; arguments that are `None` change nothing.

    `defaults` are the instance's limits, which are required to change the limit.

    Raises:
        SlugTaken: Another project has the slug.
        Invalid: The name or the slug is not valid.
        CeilingExceeded: The limit is above the operator's ceiling.
    """
    project = await project_of(session, principal)
    if name is not None:
        project.name = checked_name(name)
    if slug is not None and slug != project.slug:
        await _rename(session, project, checked_slug(slug))
    if concurrency_limit is not None:
        if defaults is None:
            raise ValueError("Pass `defaults` with `concurrency_limit`: they contain its ceiling.")
        await limits.lower_window(session, principal, concurrency_limit, defaults)
    changed = {"name": name, "slug": slug, "concurrency_limit": concurrency_limit}
    details = {key: value for key, value in changed.items() if value is not None}
    await audit.record(session, principal, "project.changed", project.slug, **details)
    return project


async def adopt(session: AsyncSession, user_id: UUID) -> int:
    """Make the user the owner of all projects without members, and return how many."""
    has_members = select(col(Member.project_id)).where(col(Member.project_id) == col(Project.id)).exists()
    orphans = select(col(Project.id)).where(col(Project.deleted_at).is_(None), ~has_members)
    project_ids = (await session.scalars(orphans)).all()
    session.add_all(
        Member(project_id=project_id, user_id=user_id, role="owner") for project_id in project_ids
    )
    await session.flush()
    return len(project_ids)


async def _rename(session: AsyncSession, project: Project, slug: str) -> None:
    try:
        async with session.begin_nested():
            await session.execute(update(Project).where(col(Project.id) == project.id).values(slug=slug))
    except IntegrityError as error:
        raise SlugTaken(slug) from error
    await session.refresh(project, ["slug"])


def checked_name(name: str) -> str:
    """Return the name without surrounding spaces.

    Raises:
        Invalid: The name is not valid.
    """
    name = name.strip()
    if not 1 <= len(name) <= 200 or "\x00" in name:
        raise Invalid(
            "The name of a project must have 1 to 200 characters.",
            [Problem("name", "Use 1 to 200 characters.")],
        )
    return name


def checked_slug(slug: str) -> str:
    """Return the slug if it is valid.

    Raises:
        Invalid: The slug is not valid.
    """
    if _is_id(slug) or len(slug) > MAX_SLUG_CHARACTERS or not _SLUG.fullmatch(slug):
        hint = f"Use 1 to {MAX_SLUG_CHARACTERS} of a-z, 0-9 and '-', without '-' at either end; an ID is not a slug."
        raise Invalid(f"{slug!r} is not a valid slug of a project. {hint}", [Problem("slug", hint)])
    return slug


def _is_id(slug: str) -> bool:
    try:
        UUID(slug)
    except ValueError:
        return False
    return True
