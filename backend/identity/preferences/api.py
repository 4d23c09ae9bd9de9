"""Routes of the settings of the signed-in user."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import SessionDep, UserDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.preferences import service
from backend.identity.preferences.schemas import PreferencesRead, PreferencesUpdate

router = APIRouter(route_class=AuthorizedRoute, tags=["who"])
_SESSION_SECURITY: Final[dict[str, Any]] = {"security": [{"session": []}]}


@router.get("/me/preferences", summary="Read my preferences", openapi_extra=_SESSION_SECURITY)
@permissions.people_only()
async def get_preferences(user: UserDep, session: SessionDep) -> PreferencesRead:
    """Return the theme, the time zone and the e-mail choices of the signed-in user."""
    return await service.read(session, user.user_id)


@router.patch("/me/preferences", summary="Change my preferences", openapi_extra=_SESSION_SECURITY)
@permissions.people_only()
async def update_preferences(body: PreferencesUpdate, user: UserDep, session: SessionDep) -> PreferencesRead:
    """Change the preferences of the signed-in user, which apply in all browsers."""
    return await service.change(session, user.user_id, body)
