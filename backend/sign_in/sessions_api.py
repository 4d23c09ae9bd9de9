"""Routes of a person's own sessions and password."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request

from backend.identity.auth import permissions, sessions
from backend.identity.auth.dependencies import ContextDep, SessionDep, UserDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.schemas import NewPassword, SessionRead, SessionsEnded
from backend.sign_in.password_pages import changed

router = APIRouter(route_class=AuthorizedRoute, tags=["who"])
_PEOPLE: dict[str, Any] = {"security": [{"session": []}]}


@router.get("/me/sessions", summary="List my sessions", openapi_extra=_PEOPLE)
@permissions.people_only()
async def list_sessions(person: UserDep, session: SessionDep) -> list[SessionRead]:
    """Where you are signed in, the last used first."""
    rows = await sessions.live(session, person.user_id)
    return [SessionRead.of(row, is_current=row.id == person.session_id) for row in rows]


@router.delete("/me/sessions", summary="End my other sessions", openapi_extra=_PEOPLE)
@permissions.people_only()
async def end_other_sessions(person: UserDep, session: SessionDep) -> SessionsEnded:
    """Sign out everywhere but here."""
    ended = await sessions.revoke_all(session, person.user_id, by=person.label, but=person.session_id)
    return SessionsEnded(ended=ended)


@router.delete(
    "/me/sessions/{session_id}", summary="End one of my sessions", status_code=204, openapi_extra=_PEOPLE
)
@permissions.people_only()
async def end_session(session_id: UUID, person: UserDep, session: SessionDep) -> None:
    """Sign out one browser, wherever it is."""
    await sessions.revoke(session, person.user_id, session_id, by=person.label)


@router.post("/me/password", summary="Change my password", status_code=204, openapi_extra=_PEOPLE)
@permissions.people_only()
async def change_password(asked: NewPassword, request: Request, person: UserDep, context: ContextDep) -> None:
    """Set another password; you are signed out everywhere but here."""
    await changed(
        request,
        context,
        person,
        current=asked.current_password.get_secret_value(),
        new=asked.new_password.get_secret_value(),
    )
