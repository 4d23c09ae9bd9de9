"""Projects: making one makes everything it needs to run its first job."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Invalid, Problem
from backend.execution.jobs.tables import Admission
from backend.identity.auth import audit
from backend.identity.auth.actors import SignedIn, operator
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import principal_of
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.tables import User
from backend.identity.limits import service as limits
from backend.identity.projects.errors import SlugTaken, TooManyProjects
from backend.identity.projects.tables import Member, Project
from backend.money.ledger.tables import Wallet
from backend.skills.skillpacks.tables import Skillpack

MOST_SLUG_CHARACTERS: Final = 48
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


async def create(
    session: AsyncSession,
    *,
    name: str,
    slug: str | None = None,
    owner_id: UUID | None = None,
    concurrency_limit: int,
    created_by: SignedIn | None = None,
    most_of_person: int | None = None,
) -> Project:
    """Make a project with its default skillpack, its empty wallet, its admission window and its owner.

    Its owner is the one named, else who makes it, else the instance's first operator, if there is one yet.

    Raises:
        SlugTaken: another project has the slug that was asked for.
        Invalid: the name or the slug is not a possible one.
        TooManyProjects: who makes it owns as many as a person may.
    """
    name = _checked_name(name)
    if created_by is not None and most_of_person is not None:
        await _make_room(session, created_by, most_of_person)
    project = Project(name=name, slug=checked_slug(slug) if slug else _slug_from(name))
    await _add(session, project, is_asked_for=slug is not None)
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


async def get(session: AsyncSession, principal: Principal) -> Project:
    """The principal's project.

    Raises:
        ProjectNotFound: it was deleted.
    """
    query = select(Project).where(col(Project.id) == principal.project_id, col(Project.deleted_at).is_(None))
    project = (await session.scalars(query)).one_or_none()
    if project is None:
        raise ProjectNotFound(str(principal.project_id))
    return project


async def concurrency_limit(session: AsyncSession, principal: Principal) -> int:
    """Most jobs of the project that are ready or running at once."""
    query = select(col(Admission.concurrency_limit)).where(col(Admission.project_id) == principal.project_id)
    return (await session.scalars(query)).one()


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
    project = await get(session, principal)
    if name is not None:
        project.name = _checked_name(name)
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


async def _make_room(session: AsyncSession, person: SignedIn, most: int) -> None:
    """Hold the person until the transaction ends, so that two requests at once cannot both take the last place."""
    await session.execute(
        select(col(User.id)).where(col(User.id) == person.user_id).with_for_update(key_share=True)
    )
    owned = (
        select(func.count())
        .select_from(Project)
        .join(Member, col(Member.project_id) == col(Project.id))
        .where(
            col(Member.user_id) == person.user_id,
            col(Member.role) == "owner",
            col(Project.deleted_at).is_(None),
        )
    )
    used = await session.scalar(owned) or 0
    if used >= most:
        raise TooManyProjects(most, used)


async def _add(session: AsyncSession, project: Project, *, is_asked_for: bool) -> None:
    """Insert the project; a slug that nobody asked for gets an ending when it is taken."""
    base = project.slug
    while True:
        try:
            async with session.begin_nested():
                session.add(project)
            return
        except IntegrityError as error:
            if is_asked_for:
                raise SlugTaken(base) from error
            project.slug = f"{base[: MOST_SLUG_CHARACTERS - 5]}-{secrets.token_hex(2)}"


async def _rename(session: AsyncSession, project: Project, slug: str) -> None:
    try:
        async with session.begin_nested():
            await session.execute(update(Project).where(col(Project.id) == project.id).values(slug=slug))
    except IntegrityError as error:
        raise SlugTaken(slug) from error
    await session.refresh(project, ["slug"])


async def _first_operator(session: AsyncSession) -> UUID | None:
    query = select(col(User.id)).where(col(User.is_operator), col(User.disabled_at).is_(None))
    return await session.scalar(query.order_by(col(User.created_at)).limit(1))


def _checked_name(name: str) -> str:
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
    if _is_id(slug) or len(slug) > MOST_SLUG_CHARACTERS or not _SLUG.fullmatch(slug):
        mend = f"Use 1 to {MOST_SLUG_CHARACTERS} of a-z, 0-9 and '-', not '-' at an end, and not an id."
        raise Invalid(f"{slug!r} cannot be a project's slug. {mend}", [Problem("slug", mend)])
    return slug


def _is_id(slug: str) -> bool:
    try:
        UUID(slug)
    except ValueError:
        return False
    return True


def _slug_from(name: str) -> str:
    """The name as far as a slug can say it."""
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:MOST_SLUG_CHARACTERS].strip("-")
    try:
        return checked_slug(slug)
    except Invalid:
        return f"project-{uuid4().hex[:8]}"
