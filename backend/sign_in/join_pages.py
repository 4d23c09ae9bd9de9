"""The page of an invitation's link, with which the invited user joins the project."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.identity.auth.accounts import sessions
from backend.identity.auth.dependencies import ContextDep
from backend.identity.auth.errors import InvalidSession
from backend.identity.projects import invitations
from backend.identity.projects.errors import InvitationClosed
from backend.identity.projects.invitations import Invited
from backend.sign_in import forms
from backend.sign_in.browser import closed_link, form_page, redirect, reject_forgery, session_token
from backend.sign_in.pages import MAX_BODY_BYTES

router = APIRouter(include_in_schema=False, max_body_size=MAX_BODY_BYTES)

_CLOSED = "Invitation not valid"


class JoinForm(BaseModel):
    """Fields of the form."""

    csrf: str = Field(default="", max_length=200)
    token: str = Field(default="", max_length=200, repr=False)


@router.get("/join")
async def join_form(
    request: Request, context: ContextDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Show the invitation; the page does not reveal whether the invited user has an account."""
    return await _page(request, context, token)


@router.post("/join")
async def join(request: Request, context: ContextDep, form: Annotated[JoinForm, Form()]) -> Response:
    """Make the signed-in user a member of the project; redirect others to sign in first."""
    try:
        reject_forgery(request, context, form.csrf)
        async with context.database.transaction() as session:
            signed_in = await sessions.find(session, session_token(request, context))
            project = await invitations.accept(session, signed_in, form.token)
    except InvalidSession:
        return redirect(f"/sign-in?next={quote(f'/join?token={quote(form.token)}', safe='/')}")
    except InvitationClosed as error:
        return await closed_link(request, _CLOSED, error)
    except PurasError as error:
        return await _page(request, context, form.token, error)
    return redirect(f"/p/{project.slug}")


async def _page(
    request: Request, context: AppContext, token: str, error: PurasError | None = None
) -> Response:
    try:
        async with context.database.transaction() as session:
            invited = await invitations.find_by_token(session, token)
    except InvitationClosed as closed:
        return await closed_link(request, _CLOSED, closed)
    shown = forms.Form(f"Join {invited.project.name}", _lead(invited), "/join", "Join")
    return form_page(request, context, shown, error, token=token)


def _lead(invited: Invited) -> str:
    invitation = invited.invitation
    return (
        f"{invitation.email} is invited to this project as {invitation.role}. Sign in with that e-mail to join. "
        "If you have no account, ask an operator of this instance to create one, then open this link again."
    )
