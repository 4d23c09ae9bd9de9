"""Create a project with everything that it needs to run its first job."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config import Settings
from backend.core.errors import Invalid
from backend.execution.jobs.tables import Admission
from backend.identity.auth import audit
from backend.identity.auth.actors import SignedIn, operator
from backend.identity.auth.membership import principal_of
from backend.identity.auth.principal import Role
from backend.identity.projects.errors import SlugTaken, TooManyProjects
from backend.identity.projects.service import MAX_SLUG_CHARACTERS, checked_name, checked_slug
from backend.identity.tables import Member, Project, User
from backend.money.ledger import service as ledger
from backend.money.ledger.tables import Wallet
from backend.money.pricing import usd_to_micros
from backend.skills.skillpacks.tables import Skillpack

STARTING_CREDIT_NOTE: Final = "starting credit"
_COUNT_STARTING_CREDIT: Final = text("""
update users set starting_credits = starting_credits + 1
where id = :user_id and starting_credits < :maximum returning id
""")


async def create_for_user(
    session: AsyncSession, user: SignedIn, settings: Settings, *, name: str, slug: str | None = None
) -> Project:
    """Create a project whose owner is the user, with the starting credit of the instance.

    Raises:
        SlugTaken: Another project has the requested slug.
        Invalid: The name or the slug is not valid.
        TooManyProjects: The user owns the maximum number of projects.
    """
    project = await create(
        session,
        name=name,
        slug=slug,
        concurrency_limit=settings.project_concurrency,
        created_by=user,
        max_owned_projects=settings.max_projects,
    )
    micros = usd_to_micros(settings.starting_credit_usd)
    if micros and await _count_starting_credit(session, user, settings.starting_credit_projects):
        await ledger.top_up(
            session,
            project_id=project.id,
            amount_micros=micros,
            note=STARTING_CREDIT_NOTE,
            created_by="system",
        )
    return project


async def _count_starting_credit(session: AsyncSession, user: SignedIn, maximum: int) -> bool:
    """Count one more project with starting credit; False if the user already has the maximum.

    The counter is a part of the user's row, so that concurrent requests cannot exceed the maximum, and deleted projects
    count as well.
    """
    values = {"user_id": user.user_id, "maximum": maximum}
    return (await session.execute(_COUNT_STARTING_CREDIT, values)).scalar_one_or_none() is not None


async def create(
    session: AsyncSession,
    *,
    name: str,
    slug: str | None = None,
    owner_id: UUID | None = None,
    concurrency_limit: int,
    created_by: SignedIn | None = None,
    max_owned_projects: int | None = None,
) -> Project:
    """Create a project with its default skillpack, its empty wallet, its admission window and its owner.

    Its owner is `owner_id`, else its creator, else the first operator of the instance, if there is one.

    Raises:
        SlugTaken: Another project has the requested slug.
        Invalid: The name or the slug is not valid.
        TooManyProjects: The creator owns the maximum number of projects.
    """
    name = checked_name(name)
    if created_by is not None and max_owned_projects is not None:
        await _require_owner_quota(session, created_by, max_owned_projects)
    project = Project(name=name, slug=checked_slug(slug) if slug else _slug_from(name))
    await _add(session, project, is_slug_requested=slug is not None)
    session.add(Skillpack(project_id=project.id, slug="default", name="Default", is_default=True))
    session.add(Admission(project_id=project.id, concurrency_limit=concurrency_limit))
    session.add(Wallet(project_id=project.id))
    creator = created_by.user_id if created_by else None
    owner = owner_id or creator or await _first_operator(session)
    if owner is not None:
        session.add(Member(project_id=project.id, user_id=owner, role="owner"))
    await session.flush()
    by = principal_of(created_by, project.id, Role.OWNER) if created_by else operator(project.id)
    await audit.record(session, by, "project.created", project.slug, name=name)
    return project


async def _require_owner_quota(session: AsyncSession, user: SignedIn, maximum: int) -> None:
    """Check that the user may own another project.

    The user's row stays locked until the transaction ends, so that concurrent requests cannot exceed the maximum.
    """
    await session.execute(
        select(col(User.id)).where(col(User.id) == user.user_id).with_for_update(key_share=True)
    )
    owned = (
        select(func.count())
        .select_from(Project)
        .join(Member, col(Member.project_id) == col(Project.id))
        .where(
            col(Member.user_id) == user.user_id,
            col(Member.role) == "owner",
            col(Project.deleted_at).is_(None),
        )
    )
    used = await session.scalar(owned) or 0
    if used >= maximum:
        raise TooManyProjects(maximum, used)


async def _add(session: AsyncSession, project: Project, *, is_slug_requested: bool) -> None:
    """Insert the project; a generated slug gets a random suffix when it is taken."""
    base = project.slug
    while True:
        try:
            async with session.begin_nested():
                session.add(project)
            return
        except IntegrityError as error:
            if is_slug_requested:
                raise SlugTaken(base) from error
            project.slug = f"{base[: MAX_SLUG_CHARACTERS - 5]}-{secrets.token_hex(2)}"


async def _first_operator(session: AsyncSession) -> UUID | None:
    query = select(col(User.id)).where(col(User.is_operator), col(User.disabled_at).is_(None))
    return await session.scalar(query.order_by(col(User.created_at)).limit(1))


def _slug_from(name: str) -> str:
    """Return a slug that is derived from the name."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:MAX_SLUG_CHARACTERS].strip("-")
    try:
        return checked_slug(slug)
    except Invalid:
        return f"project-{uuid4().hex[:8]}"
