"""Deleting a project: at once nobody finds it and nothing of it runs; for a while the operator can bring it back.

`purge` removes everything of it later. See docs/decisions/0010 for what stays.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.execution.jobs.cancel_all import cancel_all
from backend.identity.auth import audit
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal
from backend.identity.projects import service
from backend.identity.projects.errors import SlugTaken
from backend.identity.tables import ApiKey, Project
from backend.marketplace.following import take_down_all


class Deleted(NamedTuple):
    """A project that was deleted."""

    project_id: UUID
    slug: str
    cancelled_jobs: int


async def delete(session: AsyncSession, principal: Principal) -> Deleted:
    """End the project: its jobs are cancelled, its keys stop working, its listings are taken down, and nobody finds it.

    Runs of its listings that other projects have begun end as they would.

    Raises:
        ProjectNotFound: it was deleted already.
    """
    project = await project_of(session, principal)
    cancelled = await cancel_all(session, project.id, who=principal.label)
    await take_down_all(session, principal)
    slug, at = project.slug, now()
    await audit.record(
        session, principal, "project.deleted", slug, name=project.name, cancelled_jobs=cancelled
    )
    keys = update(ApiKey).where(col(ApiKey.project_id) == project.id, col(ApiKey.revoked_at).is_(None))
    await session.execute(keys.values(revoked_at=at))
    project.former_slug, project.slug, project.deleted_at = slug, f"deleted-{project.id}", at
    await session.flush()
    return Deleted(project.id, slug, cancelled)


async def undelete(session: AsyncSession, project: str, *, slug: str | None = None) -> Project:
    """Bring a deleted project back, with the keys that the deletion took; its cancelled jobs stay cancelled.

    Raises:
        ProjectNotFound: no deleted project has this id or had this slug, or everything of it is gone already.
        SlugTaken: another project has its slug by now; name another one.
    """
    found = await _deleted(session, project)
    at, wanted = found.deleted_at, slug or found.former_slug or ""
    found.deleted_at = found.former_slug = None
    found.slug = service.checked_slug(wanted)
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise SlugTaken(wanted) from error
    keys = update(ApiKey).where(col(ApiKey.project_id) == found.id, col(ApiKey.revoked_at) == at)
    await session.execute(keys.values(revoked_at=None))
    await audit.record(session, operator(found.id), "project.undeleted", found.slug)
    return found


async def due_for_purge(session: AsyncSession, grace: timedelta) -> list[Project]:
    """Deleted projects whose time to be brought back is over, the oldest first."""
    query = select(Project).where(col(Project.deleted_at) <= now() - grace, col(Project.purged_at).is_(None))
    return list((await session.scalars(query.order_by(col(Project.deleted_at)))).all())


async def _deleted(session: AsyncSession, project: str) -> Project:
    try:
        named = col(Project.id) == UUID(project)
    except ValueError:
        named = col(Project.former_slug) == project
    query = (
        select(Project)
        .where(named, col(Project.deleted_at).is_not(None), col(Project.purged_at).is_(None))
        .where(col(Project.name) != "")  # else its removal has begun
        .order_by(col(Project.deleted_at).desc())
        .limit(1)
        .with_for_update()
    )
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise ProjectNotFound(project)
    return found
