"""The forms to change a password: for signed-in users, and for the one-time link of an operator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.core.http.client_ip import address_of
from backend.identity.auth.accounts import passwords, sessions, users
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.dependencies import ContextDep
from backend.identity.auth.errors import InvalidSession, ResetClosed
from backend.identity.auth.rate_limits.sign_ins import Throttle
from backend.sign_in import forms
from backend.sign_in.browser import (
    closed_link,
    form_page,
    redirect,
    reject_forgery,
    session_token,
    signed_in,
)
from backend.sign_in.pages import MAX_BODY_BYTES

router = APIRouter(include_in_schema=False, max_body_size=MAX_BODY_BYTES)

_SIGN_IN_FIRST = "/sign-in?next=/password"


class PasswordForm(BaseModel):
    """Fields of the form to change the password."""

    csrf: str = Field(default="", max_length=200)
    current: str = Field(default="", max_length=2000, repr=False)
    password: str = Field(default="", max_length=2000, repr=False)


class ResetForm(BaseModel):
    """Fields of the form of a one-time link."""

    csrf: str = Field(default="", max_length=200)
    token: str = Field(default="", max_length=200, repr=False)
    password: str = Field(default="", max_length=2000, repr=False)


@router.get("/password")
async def password_form(request: Request, context: ContextDep) -> Response:
    """Show the form to change the password of the signed-in user."""
    try:
        await _signed_in_user(request, context)
    except InvalidSession:
        return redirect(_SIGN_IN_FIRST)
    return _password_page(request, context)


@router.post("/password")
async def change_password(
    request: Request, context: ContextDep, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Set the new password, and end all other sessions of the user."""
    try:
        reject_forgery(request, context, form.csrf)
        user_session = await _signed_in_user(request, context)
        await change_with_throttle(request, context, user_session, current=form.current, new=form.password)
    except InvalidSession:
        return redirect(_SIGN_IN_FIRST)
    except PurasError as error:
        return _password_page(request, context, error)
    return redirect("/")


@router.get("/reset")
async def reset_form(
    request: Request, context: ContextDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Show the form of the one-time link."""
    try:
        async with context.database.transaction() as session:
            user = await passwords.check_reset(session, token)
    except ResetClosed as error:
        return await closed_link(request, "Link not valid", error)
    return _reset_page(request, context, token, user.email)


@router.post("/reset")
async def reset_password(
    request: Request, context: ContextDep, form: Annotated[ResetForm, Form()]
) -> Response:
    """Set the new password, end all sessions of the user, and start a new one."""
    try:
        reject_forgery(request, context, form.csrf)
        async with context.database.transaction() as session:
            user = await passwords.reset(session, form.token, form.password)
            new_session = await sessions.start(session, user, client=sessions.client(request.scope))
    except ResetClosed as error:
        return await closed_link(request, "Link not valid", error)
    except PurasError as error:
        return _reset_page(request, context, form.token, "", error)
    return await signed_in(context, new_session, "/")


async def change_with_throttle(
    request: Request, context: AppContext, user_session: SignedIn, *, current: str, new: str
) -> None:
    """Change the password, and count attempts, so that a stolen session cannot guess the current password.

    Raises:
        TooManySignIns: There were too many attempts.
        CurrentPasswordWrong: The current password is wrong.
        Invalid: The new password is too easy to guess.
    """
    throttle: Throttle = request.app.state.throttle
    address = address_of(request.scope)
    await throttle.count(address=address, email=user_session.email)
    await passwords.change(context.database, user_session, current=current, new=new)
    await throttle.clear(address=address, email=user_session.email)


async def _signed_in_user(request: Request, context: AppContext) -> SignedIn:
    async with context.database.transaction() as session:
        return await sessions.find(session, session_token(request, context))


def _password_page(request: Request, context: AppContext, error: PurasError | None = None) -> Response:
    inputs = [
        forms.Input("current", "Current password", kind="password", autocomplete="current-password"),
        forms.new_password(users.MIN_PASSWORD_CHARACTERS),
    ]
    lead = "You will be signed out in all other browsers."
    shown = forms.Form("Change your password", lead, "/password", "Change password", inputs)
    return form_page(request, context, shown, error)


def _reset_page(
    request: Request, context: AppContext, token: str, email: str, error: PurasError | None = None
) -> Response:
    recipient = f"For {email}. " if email else ""
    lead = f"{recipient}This link works once. You will be signed out in all other browsers."
    inputs = [forms.new_password(users.MIN_PASSWORD_CHARACTERS)]
    shown = forms.Form("Set a new password", lead, "/reset", "Set password", inputs)
    return form_page(request, context, shown, error, token=token)
