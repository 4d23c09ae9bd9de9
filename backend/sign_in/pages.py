"""Sign-in, set-up and sign-out: plain HTML forms, so that the session cookie is never within a script's reach."""

from __future__ import annotations

import hmac
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.core.http.client_ip import address_of
from backend.identity.auth import audit, sessions, users
from backend.identity.auth.credentials import CSRF_HEADER
from backend.identity.auth.dependencies import ContextDep
from backend.identity.auth.errors import ForgedRequest, InvalidSession, SetupClosed
from backend.identity.auth.sessions import NewSession
from backend.identity.auth.throttle import Throttle
from backend.identity.auth.users import WrongPassword
from backend.sign_in import forms, setup
from backend.sign_in.browser import (
    closed_link,
    form_page,
    local,
    redirect,
    refuse_forgery,
    session_token,
    signed_in,
    signed_out,
)

MAX_BODY_BYTES: Final = 64 * 1024

router = APIRouter(include_in_schema=False, max_body_size=MAX_BODY_BYTES)


class SignInForm(BaseModel):
    """What the sign-in form sends."""

    csrf: str = Field(default="", max_length=200)
    next: str = Field(default="/", max_length=2000)
    email: str = Field(default="", max_length=400)
    password: str = Field(default="", max_length=2000, repr=False)


class SetupForm(SignInForm):
    """What the set-up form sends."""

    token: str = Field(default="", max_length=200, repr=False)
    name: str = Field(default="", max_length=400)


@router.get("/sign-in")
async def sign_in_form(
    request: Request,
    context: ContextDep,
    next_path: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """The form; who is signed in already goes on."""
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
    """Begin a session and go on to where the person wanted to be."""
    try:
        refuse_forgery(request, context, form.csrf)
        begun = await _begin(request, context, form)
    except PurasError as error:
        return _sign_in_page(request, context, form, error)
    return signed_in(context, begun, local(form.next))


@router.get("/setup")
async def setup_form(
    request: Request, context: ContextDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form of the one-time link."""
    try:
        async with context.database.transaction() as session:
            await setup.check(session, token)
    except SetupClosed as error:
        return await closed_link(request, "Set-up is closed", error)
    return _setup_page(request, context, SetupForm(token=token))


@router.post("/setup")
async def set_up(request: Request, context: ContextDep, form: Annotated[SetupForm, Form()]) -> Response:
    """Make the owner and sign them in."""
    try:
        refuse_forgery(request, context, form.csrf)
        async with context.database.transaction() as session:
            user = await setup.consume(
                session, form.token, email=form.email, password=form.password, name=form.name
            )
            begun = await sessions.begin(session, user, came=sessions.came(request.scope))
    except SetupClosed as error:
        return await closed_link(request, "Set-up is closed", error)
    except PurasError as error:
        return _setup_page(request, context, form, error)
    return signed_in(context, begun, "/")


@router.post("/sign-out")
async def sign_out(
    request: Request, context: ContextDep, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """End the session; its token comes as the form's field `csrf` or in X-CSRF-Token."""
    response = redirect("/sign-in")
    token = session_token(request, context)
    if token:
        async with context.database.transaction() as session:
            await _end(session, token, csrf or request.headers.get(CSRF_HEADER, ""))
        signed_out(context, response)
    return response


async def _begin(request: Request, context: AppContext, form: SignInForm) -> NewSession:
    throttle: Throttle = request.app.state.throttle
    email, address = users.normal_email(form.email), address_of(request.scope)
    await throttle.count(address=address, email=email)
    try:
        proof = await users.prove(context.database, email=email, password=form.password)
        async with context.database.transaction() as session:
            user = await users.proven(session, proof)
            came = sessions.came(request.scope)
            begun = await sessions.begin(session, user, came=came, replaces=session_token(request, context))
    except WrongPassword:
        async with context.database.transaction() as session:
            await audit.record_instance(session, "anonymous", "session.refused", email, address=address)
        raise
    await throttle.clear(address=address, email=email)
    return begun


async def _end(session: AsyncSession, token: str, csrf: str) -> None:
    try:
        person = await sessions.find(session, token)
    except InvalidSession:
        return
    if not hmac.compare_digest(csrf.encode(), person.csrf_token.encode()):
        raise ForgedRequest(
            "Signing out must carry the session's token, in the field csrf or in X-CSRF-Token."
        )
    await sessions.end(session, token)
    await audit.record_instance(session, person.label, "session.ended")


def _sign_in_page(
    request: Request, context: AppContext, form: SignInForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.Input("password", "Password", kind="password", autocomplete="current-password"),
    ]
    shown = forms.Form("Sign in", "To the studio of this instance.", "/sign-in", "Sign in", inputs)
    return form_page(request, context, shown, error, next=form.next)


def _setup_page(
    request: Request, context: AppContext, form: SetupForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("name", "Name", value=form.name, autocomplete="name", is_required=False),
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.new_password(users.LEAST_PASSWORD_CHARACTERS),
    ]
    lead = "This link works once. It makes you the owner of this instance."
    shown = forms.Form("Set up Puras Studio", lead, "/setup", "Make me the owner", inputs)
    return form_page(request, context, shown, error, token=form.token)
