"""Routes of the caller's sessions and password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from backend.identity.auth import permissions
from backend.identity.auth.accounts import sessions
from backend.identity.auth.dependencies import ContextDep, SessionDep, UserDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.schemas import NewPassword, SessionRead, SessionsEnded
from backend.sign_in.password_pages import change_with_throttle

router = APIRouter(route_class=AuthorizedRoute, tags=["who"])
_SESSION_SECURITY: dict[str, Any] = {"security": [{"session": []}]}


@router.get("/me/sessions", summary="List my sessions", openapi_extra=_SESSION_SECURITY)
@permissions.people_only()
async def list_sessions(user: UserDep, session: SessionDep) -> list[SessionRead]:
    """List the active sessions of the caller, the last used first."""
    rows = await sessions.list_active(session, user.user_id)
    return [SessionRead.of(row, is_current=row.id == user.session_id) for row in rows]


@router.delete("/me/sessions", summary="End my other sessions", openapi_extra=_SESSION_SECURITY)
@permissions.people_only()
async def end_other_sessions(user: UserDep, session: SessionDep) -> SessionsEnded:
    """End all sessions of the caller except this one."""
    ended = await sessions.revoke_all(session, user.user_id, by=user.label, keep=user.session_id)
    return SessionsEnded(ended=ended)


@router.delete(
    "/me/sessions/{session_id}",
    summary="End one of my sessions",
    status_code=204,
    openapi_extra=_SESSION_SECURITY,
)
@permissions.people_only()
async def end_session(session_id: UUID, user: UserDep, session: SessionDep) -> None:
    """End one session of the caller."""
    await sessions.revoke(session, user.user_id, session_id, by=user.label)


@router.post("/me/password", summary="Change my password", status_code=204, openapi_extra=_SESSION_SECURITY)
@permissions.people_only()
async def change_password(body: NewPassword, request: Request, user: UserDep, context: ContextDep) -> None:
    """Set a new password, and end all other sessions of the caller."""
    await change_with_throttle(
        request,
        context,
        user,
        current=body.current_password.get_secret_value(),
        new=body.new_password.get_secret_value(),
    )
