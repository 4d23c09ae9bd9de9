"""The forms for another password: one for who is signed in, one behind an operator's one-time link."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.core.http.client_ip import address_of
from backend.identity.auth import passwords, sessions, users
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.dependencies import ContextDep
from backend.identity.auth.errors import InvalidSession, ResetClosed
from backend.identity.auth.throttle import Throttle
from backend.sign_in import forms
from backend.sign_in.browser import (
    closed_link,
    form_page,
    redirect,
    refuse_forgery,
    session_token,
    signed_in,
)
from backend.sign_in.pages import MAX_BODY_BYTES

router = APIRouter(include_in_schema=False, max_body_size=MAX_BODY_BYTES)

_SIGN_IN_FIRST = "/sign-in?next=/password"


class PasswordForm(BaseModel):
    """What the form for another password sends."""

    csrf: str = Field(default="", max_length=200)
    current: str = Field(default="", max_length=2000, repr=False)
    password: str = Field(default="", max_length=2000, repr=False)


class ResetForm(BaseModel):
    """What the form behind a one-time link sends."""

    csrf: str = Field(default="", max_length=200)
    token: str = Field(default="", max_length=200, repr=False)
    password: str = Field(default="", max_length=2000, repr=False)


@router.get("/password")
async def password_form(request: Request, context: ContextDep) -> Response:
    """The form, for who is signed in."""
    try:
        await _person(request, context)
    except InvalidSession:
        return redirect(_SIGN_IN_FIRST)
    return _password_page(request, context)


@router.post("/password")
async def change_password(
    request: Request, context: ContextDep, form: Annotated[PasswordForm, Form()]
) -> Response:
    """Set the new password, and end every other session of the person."""
    try:
        refuse_forgery(request, context, form.csrf)
        person = await _person(request, context)
        await changed(request, context, person, current=form.current, new=form.password)
    except InvalidSession:
        return redirect(_SIGN_IN_FIRST)
    except PurasError as error:
        return _password_page(request, context, error)
    return redirect("/")


@router.get("/reset")
async def reset_form(
    request: Request, context: ContextDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form of the one-time link."""
    try:
        async with context.database.transaction() as session:
            user = await passwords.check_reset(session, token)
    except ResetClosed as error:
        return await closed_link(request, "This link is closed", error)
    return _reset_page(request, context, token, user.email)


@router.post("/reset")
async def reset_password(
    request: Request, context: ContextDep, form: Annotated[ResetForm, Form()]
) -> Response:
    """Set the new password, end all sessions of the person, and sign them in here."""
    try:
        refuse_forgery(request, context, form.csrf)
        async with context.database.transaction() as session:
            user = await passwords.reset(session, form.token, form.password)
            begun = await sessions.begin(session, user, came=sessions.came(request.scope))
    except ResetClosed as error:
        return await closed_link(request, "This link is closed", error)
    except PurasError as error:
        return _reset_page(request, context, form.token, "", error)
    return signed_in(context, begun, "/")


async def changed(request: Request, context: AppContext, person: SignedIn, *, current: str, new: str) -> None:
    """Change the password, with the tries at the current one counted: a session alone must not find it out.

    Raises:
        TooManySignIns: there were too many tries.
        CurrentPasswordWrong: the current one is another.
        Invalid: the new one is too easy to guess.
    """
    throttle: Throttle = request.app.state.throttle
    address = address_of(request.scope)
    await throttle.count(address=address, email=person.email)
    await passwords.change(context.database, person, current=current, new=new)
    await throttle.clear(address=address, email=person.email)


async def _person(request: Request, context: AppContext) -> SignedIn:
    async with context.database.transaction() as session:
        return await sessions.find(session, session_token(request, context))


def _password_page(request: Request, context: AppContext, error: PurasError | None = None) -> Response:
    inputs = [
        forms.Input("current", "Current password", kind="password", autocomplete="current-password"),
        forms.new_password(users.LEAST_PASSWORD_CHARACTERS),
    ]
    lead = "Everywhere else you will be signed out."
    shown = forms.Form("Change your password", lead, "/password", "Change it", inputs)
    return form_page(request, context, shown, error)


def _reset_page(
    request: Request, context: AppContext, token: str, email: str, error: PurasError | None = None
) -> Response:
    whose = f"For {email}. " if email else ""
    lead = f"{whose}This link works once. Everywhere else you will be signed out."
    inputs = [forms.new_password(users.LEAST_PASSWORD_CHARACTERS)]
    shown = forms.Form("Set a new password", lead, "/reset", "Set it", inputs)
    return form_page(request, context, shown, error, token=token)
