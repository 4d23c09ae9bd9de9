"""Define the routes of saved views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.saved_views import service
from backend.saved_views.schemas import (
    MAX_NAME_CHARACTERS,
    SavedViewRead,
    SavedViewUpdate,
    ViewPage,
)

router = APIRouter(route_class=AuthorizedRoute, prefix="/saved-views", tags=["saved views"])

_Name = Annotated[str, Path(min_length=1, max_length=MAX_NAME_CHARACTERS)]


@router.get("", summary="List saved views")
@permissions.needs("project:read", is_for_publishable=False)
async def list_saved_views(
    principal: PrincipalDep,
    session: SessionDep,
    page: Annotated[ViewPage | None, Query(description="Only views of this list.")] = None,
) -> Sequence[SavedViewRead]:
    """List the views of lists that the user has saved in this project, sorted by name. API keys have none."""
    return await service.list_views(session, principal, page)


@router.put("/{name}", summary="Save a view")
@permissions.needs("project:read", is_for_publishable=False)
async def put_saved_view(
    name: _Name, body: SavedViewUpdate, principal: PrincipalDep, session: SessionDep
) -> SavedViewRead:
    """Save filters and order of a list under a name. A view of the same list and name is replaced.

    Other users do not see it. To share a view, share the URL of the page.
    """
    return await service.put_view(session, principal, name, body.view)


@router.delete("/{name}", status_code=204, summary="Delete a saved view")
@permissions.needs("project:read", is_for_publishable=False)
async def delete_saved_view(
    name: _Name,
    principal: PrincipalDep,
    session: SessionDep,
    page: Annotated[ViewPage, Query(description="The list of the view.")],
) -> None:
    """Delete a saved view of the user."""
    await service.delete_view(session, principal, name, page)
