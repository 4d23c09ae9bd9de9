"""A project's own limits: read by its members, set by the operator."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth import audit
from backend.auth.errors import ProjectNotFound
from backend.auth.principal import Principal
from backend.errors import NotAllowed
from backend.projects.tables import Project


async def own_limits(session: AsyncSession, principal: Principal) -> dict[str, int]:
    """The limits that the operator gave the project in place of the instance's."""
    return (await _project(session, principal, is_locking=False)).limits


async def change(
    session: AsyncSession, principal: Principal, changes: Mapping[str, int | None]
) -> dict[str, int]:
    """Set some of the project's own limits; one that becomes `None` is the instance's again.

    Raises:
        NotAllowed: the principal is not an operator of the instance.
    """
    if not principal.is_operator:
        raise NotAllowed(
            "Only an operator of this instance sets the limits of a project. Ask for it: "
            "`puras-studio project limits PROJECT`."
        )
    project = await _project(session, principal, is_locking=True)
    before = {name: project.limits.get(name) for name in changes}
    merged = {**project.limits, **changes}
    project.limits = {name: limit for name, limit in merged.items() if limit is not None}
    await audit.record(session, principal, "limits.changed", project.slug, before=before, after=dict(changes))
    return project.limits


async def _project(session: AsyncSession, principal: Principal, *, is_locking: bool) -> Project:
    query = select(Project).where(col(Project.id) == principal.project_id, col(Project.deleted_at).is_(None))
    if is_locking:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    project = (await session.scalars(query)).one_or_none()
    if project is None:
        raise ProjectNotFound(str(principal.project_id))
    return project
