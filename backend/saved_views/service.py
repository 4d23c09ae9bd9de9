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
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import Member
from backend.saved_views.schemas import SavedViewRead, View, ViewPage, view_of
from backend.saved_views.tables import SavedView

MAX_VIEWS: Final = 50
"""Maximum number of views of one list of one user in one project."""
_SCOPE: Final = "project:read"


class SavedViewNotFound(Missing):
    """The user has no such view in this project."""

    code = "saved_view_not_found"
    message = (
        "You have no saved view {name!r} of {page} in this project. GET /v1/saved-views lists all of them."
    )
    name: str
    page: str


class TooManySavedViews(Conflict):
    """The user has the maximum number of views of this list in this project."""

    code = "too_many_saved_views"
    message = (
        "You have {limit} saved views of {page} in this project, the maximum. Delete one that is not needed."
    )
    limit: int
    page: str


async def list_views(
    session: AsyncSession, principal: Principal, page: ViewPage | None = None
) -> Sequence[SavedViewRead]:
    """Return the views of the user in the project, of one list or of all, sorted by name; none for an API key."""
    principal.require(Role.VIEWER, _SCOPE)
    query = (
        select(SavedView)
        .where(col(SavedView.project_id) == principal.project_id, col(SavedView.user_id) == principal.id)
        .order_by(col(SavedView.name), col(SavedView.page))
    )
    if page is not None:
        query = query.where(col(SavedView.page) == page)
    return [_read(row) for row in (await session.execute(query)).scalars().all()]


async def put_view(session: AsyncSession, principal: Principal, name: str, view: View) -> SavedViewRead:
    """Store a view of the user; it replaces the view of the same list and name.

    Raises:
        NotAllowed: The caller is an API key. Views belong to users.
        TooManySavedViews: The user has the maximum number of views of the list.
    """
    principal.require(Role.VIEWER, _SCOPE)
    if principal.kind != "user":
        raise NotAllowed("Saved views belong to users, and an API key has none. Sign in to save a view.")
    await _lock(session, principal)
    content = view.model_dump(mode="json", exclude_none=True, exclude={"page"})
    row = SavedView(
        project_id=principal.project_id,
        user_id=principal.id,
        page=view.page,
        name=name,
        content=content,
        updated_at=now(),
    )
    statement = insert(SavedView).values(**row.model_dump())
    statement = statement.on_conflict_do_update(
        index_elements=["project_id", "user_id", "page", "name"],
        set_={"content": statement.excluded.content, "updated_at": statement.excluded.updated_at},
    )
    await session.execute(statement)
    if await _count(session, principal, view.page) > MAX_VIEWS:
        raise TooManySavedViews(MAX_VIEWS, view.page)
    return _read(row)


async def delete_view(session: AsyncSession, principal: Principal, name: str, page: ViewPage) -> None:
    """Delete a view of the user.

    Raises:
        SavedViewNotFound: The user has no such view.
    """
    principal.require(Role.VIEWER, _SCOPE)
    deletion = (
        delete(SavedView)
        .where(
            col(SavedView.project_id) == principal.project_id,
            col(SavedView.user_id) == principal.id,
            col(SavedView.page) == page,
            col(SavedView.name) == name,
        )
        .returning(col(SavedView.name))
    )
    if await session.scalar(deletion) is None:
        raise SavedViewNotFound(name, page)


async def _lock(session: AsyncSession, principal: Principal) -> None:
    """Wait for other requests of the user that store a view, so that all of them are counted."""
    query = select(col(Member.user_id)).where(
        col(Member.project_id) == principal.project_id, col(Member.user_id) == principal.id
    )
    await session.execute(query.with_for_update(key_share=True))


async def _count(session: AsyncSession, principal: Principal, page: ViewPage) -> int:
    query = select(func.count()).where(
        col(SavedView.project_id) == principal.project_id,
        col(SavedView.user_id) == principal.id,
        col(SavedView.page) == page,
    )
    return int(await session.scalar(query) or 0)


def _read(row: SavedView) -> SavedViewRead:
    return SavedViewRead(name=row.name, view=view_of(row.page, row.content), updated_at=row.updated_at)
