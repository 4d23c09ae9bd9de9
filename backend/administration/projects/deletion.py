"""Delete and restore projects.

A deleted project is invisible and stopped immediately. The operator can restore it until `purge` removes its data; see
docs/decisions/0010 for what remains.
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
from backend.execution.jobs.cancel import cancel_all
from backend.identity.auth import audit
from backend.identity.auth.actors import operator
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal
from backend.identity.projects import service
from backend.identity.projects.errors import SlugTaken
from backend.identity.tables import ApiKey, Project
from backend.marketplace.listing_versions import take_down_all


class Deleted(NamedTuple):
    """A project that was deleted."""

    project_id: UUID
    slug: str
    cancelled_jobs: int


async def delete(session: AsyncSession, principal: Principal) -> Deleted:
    """Delete the project: cancel its jobs, revoke its keys, take down its listings, and hide it.

    Runs of its listings that other projects have started are not affected.

    Raises:
        ProjectNotFound: The project was deleted already.
    """
    project = await project_of(session, principal)
    cancelled = await cancel_all(session, project.id, actor=principal.label)
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
    """Restore a deleted project and the keys that the deletion revoked; its cancelled jobs remain cancelled.

    Raises:
        ProjectNotFound: No deleted project has this ID or had this slug, or its data was removed already.
        SlugTaken: Another project has taken its slug; pass another one.
    """
    found = await _deleted(session, project)
    at, new_slug = found.deleted_at, slug or found.former_slug or ""
    found.deleted_at = found.former_slug = None
    found.slug = service.checked_slug(new_slug)
    try:
        async with session.begin_nested():
            await session.flush()
    except IntegrityError as error:
        raise SlugTaken(new_slug) from error
    keys = update(ApiKey).where(col(ApiKey.project_id) == found.id, col(ApiKey.revoked_at) == at)
    await session.execute(keys.values(revoked_at=None))
    await audit.record(session, operator(found.id), "project.undeleted", found.slug)
    return found


async def due_for_purge(session: AsyncSession, grace: timedelta) -> list[Project]:
    """Return the deleted projects whose grace period is over, the oldest first."""
    query = select(Project).where(col(Project.deleted_at) <= now() - grace, col(Project.purged_at).is_(None))
    return list((await session.scalars(query.order_by(col(Project.deleted_at)))).all())


async def _deleted(session: AsyncSession, project: str) -> Project:
    try:
        matches = col(Project.id) == UUID(project)
    except ValueError:
        matches = col(Project.former_slug) == project
    query = (
        select(Project)
        .where(matches, col(Project.deleted_at).is_not(None), col(Project.purged_at).is_(None))
        .where(col(Project.name) != "")  # an empty name means that its removal has started
        .order_by(col(Project.deleted_at).desc())
        .limit(1)
        .with_for_update()
    )
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise ProjectNotFound(project)
    return found
