"""Sign-in, set-up and sign-out with plain HTML forms, so that scripts cannot access the session cookie."""

from __future__ import annotations

import hmac
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.core.http.client_ip import address_of
from backend.core.http.exception_handlers import offer_sign_in
from backend.identity.auth import audit
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.accounts.sessions import NewSession
from backend.identity.auth.accounts.users import WrongPassword
from backend.identity.auth.credentials import CSRF_HEADER
from backend.identity.auth.dependencies import ContextDep
from backend.identity.auth.errors import ForgedRequest, InvalidSession, SetupClosed
from backend.identity.auth.rate_limits.sign_ins import Throttle
from backend.sign_in import forms, setup
from backend.sign_in.browser import (
    closed_link,
    form_page,
    local,
    redirect,
    reject_forgery,
    session_token,
    signed_in,
    signed_out,
)

MAX_BODY_BYTES: Final = 64 * 1024

router = APIRouter(include_in_schema=False, max_body_size=MAX_BODY_BYTES)
offer_sign_in("/sign-in")


class SignInForm(BaseModel):
    """Fields of the sign-in form."""

    csrf: str = Field(default="", max_length=200)
    next: str = Field(default="/", max_length=2000)
    email: str = Field(default="", max_length=400)
    password: str = Field(default="", max_length=2000, repr=False)


class SetupForm(SignInForm):
    """Fields of the set-up form."""

    token: str = Field(default="", max_length=200, repr=False)
    name: str = Field(default="", max_length=400)


@router.get("/sign-in")
async def sign_in_form(
    request: Request,
    context: ContextDep,
    next_path: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """Show the form; redirect users who are signed in already."""
    token = session_token(request, context)
    if token:
        try:
            async with context.database.transaction() as session:
                await sessions.find(session, token)
        except InvalidSession:
            pass
        else:
            return redirect(local(next_path))
    return _sign_in_page(request, context, SignInForm(next=next_path))


@router.post("/sign-in")
async def sign_in(request: Request, context: ContextDep, form: Annotated[SignInForm, Form()]) -> Response:
    """Start a session and redirect the user to the requested page."""
    try:
        reject_forgery(request, context, form.csrf)
        new_session = await _start_session(request, context, form)
    except PurasError as error:
        return _sign_in_page(request, context, form, error)
    return await signed_in(context, new_session, local(form.next))


@router.get("/setup")
async def setup_form(
    request: Request, context: ContextDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """Show the form of the one-time link."""
    try:
        async with context.database.transaction() as session:
            await setup.check(session, token)
    except SetupClosed as error:
        return await closed_link(request, "Set-up link not valid", error)
    return _setup_page(request, context, SetupForm(token=token))


@router.post("/setup")
async def set_up(request: Request, context: ContextDep, form: Annotated[SetupForm, Form()]) -> Response:
    """Create the owner account and sign the owner in."""
    try:
        reject_forgery(request, context, form.csrf)
        async with context.database.transaction() as session:
            user = await setup.consume(
                session, form.token, email=form.email, password=form.password, name=form.name
            )
            new_session = await sessions.start(session, user, client=sessions.client(request.scope))
    except SetupClosed as error:
        return await closed_link(request, "Set-up link not valid", error)
    except PurasError as error:
        return _setup_page(request, context, form, error)
    return await signed_in(context, new_session, "/")


@router.post("/sign-out")
async def sign_out(
    request: Request, context: ContextDep, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """End the session; the CSRF token is in the form field `csrf` or in X-CSRF-Token."""
    response = redirect("/sign-in")
    token = session_token(request, context)
    if token:
        async with context.database.transaction() as session:
            await _end(session, token, csrf or request.headers.get(CSRF_HEADER, ""))
        signed_out(context, response)
    return response


async def _start_session(request: Request, context: AppContext, form: SignInForm) -> NewSession:
    throttle: Throttle = request.app.state.throttle
    email, address = users.normalize_email(form.email), address_of(request.scope)
    await throttle.count(address=address, email=email)
    try:
        proof = await users.verify_password(context.database, email=email, password=form.password)
        async with context.database.transaction() as session:
            user = await users.verified_user(session, proof)
            client = sessions.client(request.scope)
            new_session = await sessions.start(
                session, user, client=client, replaces=session_token(request, context)
            )
    except WrongPassword:
        async with context.database.transaction() as session:
            await audit.record_instance(session, "anonymous", "session.refused", email, address=address)
        raise
    await throttle.clear(address=address, email=email)
    return new_session


async def _end(session: AsyncSession, token: str, csrf: str) -> None:
    try:
        user_session = await sessions.find(session, token)
    except InvalidSession:
        return
    if not hmac.compare_digest(csrf.encode(), user_session.csrf_token.encode()):
        raise ForgedRequest(
            "Sign-out must send the session's CSRF token in the field csrf or in the header X-CSRF-Token."
        )
    await sessions.end(session, token)
    await audit.record_instance(session, user_session.label, "session.ended")


def _sign_in_page(
    request: Request, context: AppContext, form: SignInForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.Input("password", "Password", kind="password", autocomplete="current-password"),
    ]
    shown = forms.Form("Sign in", "Sign in to the studio of this instance.", "/sign-in", "Sign in", inputs)
    return form_page(request, context, shown, error, next=form.next)


def _setup_page(
    request: Request, context: AppContext, form: SetupForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("name", "Name", value=form.name, autocomplete="name", is_required=False),
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.new_password(users.MIN_PASSWORD_CHARACTERS),
    ]
    lead = "This link works once. The account becomes the owner of this instance."
    shown = forms.Form("Set up Puras Studio", lead, "/setup", "Create owner account", inputs)
    return form_page(request, context, shown, error, token=form.token)
