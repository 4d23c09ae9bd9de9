"""Read and store the saved views of a user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Conflict, Missing, NotAllowed
from backend.execution.jobs.views.schemas import JobViewRead, JobViewUpdate
from backend.execution.jobs.views.tables import JobView
from backend.identity.auth.principal import Principal, Role

MAX_VIEWS: Final = 50
"""Maximum number of views of one user in one project."""


class JobViewNotFound(Missing):
    """The user has no such view in this project."""

    code = "job_view_not_found"
    message = "You have no saved view {name!r} in this project. GET /v1/job-views lists all of them."
    name: str


class TooManyJobViews(Conflict):
    """The user has the maximum number of views in this project."""

    code = "too_many_job_views"
    message = "You have {limit} saved views in this project, the maximum. Delete one that is not needed."
    limit: int


async def list_views(session: AsyncSession, principal: Principal) -> Sequence[JobViewRead]:
    """Return the views of the user in the project, sorted by name; none for an API key."""
    principal.require(Role.VIEWER, "jobs:read")
    query = (
        select(JobView)
        .where(col(JobView.project_id) == principal.project_id, col(JobView.user_id) == principal.id)
        .order_by(col(JobView.name))
    )
    return [_read(row) for row in (await session.execute(query)).scalars().all()]


async def put_view(
    session: AsyncSession, principal: Principal, name: str, update: JobViewUpdate
) -> JobViewRead:
    """Store a view of the user; it replaces the view of the same name.

    Raises:
        NotAllowed: The caller is an API key. Views belong to users.
        TooManyJobViews: The user has the maximum number of views.
    """
    principal.require(Role.VIEWER, "jobs:read")
    if principal.kind != "user":
        raise NotAllowed("Saved views belong to users, and an API key has none. Sign in to save a view.")
    content = update.model_dump(mode="json", exclude_none=True)
    owner = {"project_id": principal.project_id, "user_id": principal.id}
    row = JobView(**owner, name=name, content=content, updated_at=now())
    statement = insert(JobView).values(**row.model_dump())
    statement = statement.on_conflict_do_update(
        index_elements=["project_id", "user_id", "name"],
        set_={"content": statement.excluded.content, "updated_at": statement.excluded.updated_at},
    )
    await session.execute(statement)
    if await _count(session, principal) > MAX_VIEWS:
        raise TooManyJobViews(MAX_VIEWS)
    return _read(row)


async def delete_view(session: AsyncSession, principal: Principal, name: str) -> None:
    """Delete a view of the user.

    Raises:
        JobViewNotFound: The user has no such view.
    """
    principal.require(Role.VIEWER, "jobs:read")
    deletion = (
        delete(JobView)
        .where(
            col(JobView.project_id) == principal.project_id,
            col(JobView.user_id) == principal.id,
            col(JobView.name) == name,
        )
        .returning(col(JobView.name))
    )
    if await session.scalar(deletion) is None:
        raise JobViewNotFound(name)


async def _count(session: AsyncSession, principal: Principal) -> int:
    query = select(func.count()).where(
        col(JobView.project_id) == principal.project_id, col(JobView.user_id) == principal.id
    )
    return int(await session.scalar(query) or 0)


def _read(row: JobView) -> JobViewRead:
    content = JobViewUpdate.model_validate(row.content)
    return JobViewRead(
        name=row.name,
        filters=content.filters,
        sort=content.sort,
        columns=content.columns,
        updated_at=row.updated_at,
    )
