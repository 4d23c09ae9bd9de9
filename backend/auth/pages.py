"""Sign-in, set-up and sign-out: plain HTML forms, so that the session cookie is never within a script's reach."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from typing import Annotated, Final, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import RedirectResponse

from backend.auth import audit, forms, sessions, setup, users
from backend.auth.credentials import CSRF_HEADER
from backend.auth.dependencies import InstanceDep
from backend.auth.errors import ForgedRequest, InvalidSession
from backend.auth.sessions import NewSession
from backend.auth.throttle import Throttle
from backend.errors import PurasError, TooMany
from backend.instance import Instance

_FORM_COOKIE_S: Final = 3600
_MOST_BODY_BYTES: Final = 64 * 1024

router = APIRouter(include_in_schema=False, max_body_size=_MOST_BODY_BYTES)


class _CookieFacts(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax", "strict"]


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
    instance: InstanceDep,
    next_path: Annotated[str, Query(alias="next", max_length=2000)] = "/",
) -> Response:
    """The form; who is signed in already goes on."""
    token = _session_token(request, instance)
    if token:
        try:
            async with instance.database.transaction() as session:
                await sessions.find(session, token)
        except InvalidSession:
            pass
        else:
            return _redirect(_local(next_path))
    return _sign_in_page(request, instance, SignInForm(next=next_path))


@router.post("/sign-in")
async def sign_in(request: Request, instance: InstanceDep, form: Annotated[SignInForm, Form()]) -> Response:
    """Begin a session and go on to where the person wanted to be."""
    try:
        _refuse_forgery(request, instance, form.csrf)
        begun = await _begin(request, instance, form)
    except PurasError as error:
        return _sign_in_page(request, instance, form, error)
    return _signed_in(instance, begun, _local(form.next))


@router.get("/setup")
async def setup_form(
    request: Request, instance: InstanceDep, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """The form of the one-time link."""
    try:
        async with instance.database.transaction() as session:
            await setup.check(session, token)
    except PurasError as error:
        return forms.notice("Set-up is closed", error.detail, status=error.status)
    return _setup_page(request, instance, SetupForm(token=token))


@router.post("/setup")
async def set_up(request: Request, instance: InstanceDep, form: Annotated[SetupForm, Form()]) -> Response:
    """Make the owner and sign them in."""
    try:
        _refuse_forgery(request, instance, form.csrf)
        async with instance.database.transaction() as session:
            user = await setup.consume(
                session, form.token, email=form.email, password=form.password, name=form.name
            )
            begun = await sessions.begin(session, user, user_agent=request.headers.get("user-agent", ""))
    except PurasError as error:
        return _setup_page(request, instance, form, error)
    return _signed_in(instance, begun, "/")


@router.post("/sign-out")
async def sign_out(
    request: Request, instance: InstanceDep, csrf: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """End the session; its token comes as the form's field `csrf` or in X-CSRF-Token."""
    response = _redirect("/sign-in")
    token = _session_token(request, instance)
    if token:
        async with instance.database.transaction() as session:
            await _end(session, token, csrf or request.headers.get(CSRF_HEADER, ""))
        response.delete_cookie(sessions.cookie_name(instance.settings.url), **_cookie_facts(instance))
    return response


async def _begin(request: Request, instance: Instance, form: SignInForm) -> NewSession:
    throttle: Throttle = request.app.state.throttle
    email = users.normal_email(form.email)
    address = request.client.host if request.client else ""
    await throttle.count(address=address, email=email)
    async with instance.database.transaction() as session:
        user = await users.with_password(session, email=email, password=form.password)
        agent = request.headers.get("user-agent", "")
        begun = await sessions.begin(
            session, user, user_agent=agent, replaces=_session_token(request, instance)
        )
    await throttle.clear(address=address, email=email)
    return begun


async def _end(session: AsyncSession, token: str, csrf: str) -> None:
    try:
        signed_in = await sessions.find(session, token)
    except InvalidSession:
        return
    if not hmac.compare_digest(csrf.encode(), signed_in.csrf_token.encode()):
        raise ForgedRequest(
            "Signing out must carry the session's token, in the field csrf or in X-CSRF-Token."
        )
    await sessions.end(session, token)
    await audit.record_instance(session, signed_in.label, "session.ended")


def _refuse_forgery(request: Request, instance: Instance, csrf: str) -> None:
    """The form must come from a page of ours: the field must equal the cookie, and the browser must not say other."""
    origin = request.headers.get("origin")
    own = {instance.settings.url, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    expected = request.cookies.get(_form_cookie(instance), "")
    is_same = hmac.compare_digest(csrf.encode(), expected.encode())
    if not expected or not is_same or (origin is not None and origin not in own):
        raise ForgedRequest(
            "This form was open for too long, or did not come from this site. Please send it again."
        )


def _sign_in_page(
    request: Request, instance: Instance, form: SignInForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.Input("password", "Password", kind="password", autocomplete="current-password"),
    ]
    shown = forms.Form("Sign in", "To the studio of this instance.", "/sign-in", "Sign in", inputs)
    return _form_page(request, instance, shown, error, next=form.next)


def _setup_page(
    request: Request, instance: Instance, form: SetupForm, error: PurasError | None = None
) -> Response:
    inputs = [
        forms.Input("name", "Name", value=form.name, autocomplete="name", is_required=False),
        forms.Input("email", "E-mail", kind="email", value=form.email, autocomplete="username"),
        forms.Input(
            "password",
            "Password",
            kind="password",
            autocomplete="new-password",
            hint=f"At least {users.LEAST_PASSWORD_CHARACTERS} characters.",
        ),
    ]
    lead = "This link works once. It makes you the owner of this instance."
    shown = forms.Form("Set up Puras Studio", lead, "/setup", "Make me the owner", inputs)
    return _form_page(request, instance, shown, error, token=form.token)


def _form_page(
    request: Request, instance: Instance, form: forms.Form, error: PurasError | None, **hidden: str
) -> Response:
    cookie = _form_cookie(instance)
    csrf = request.cookies.get(cookie) or secrets.token_urlsafe(32)
    shown = replace(form, hidden=[("csrf", csrf), *hidden.items()])
    response = forms.page(shown, fault=error.detail if error else "", status=error.status if error else 200)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    response.set_cookie(cookie, csrf, max_age=_FORM_COOKIE_S, **_cookie_facts(instance))
    return response


def _signed_in(instance: Instance, begun: NewSession, target: str) -> Response:
    response = _redirect(target)
    max_age_s = int(sessions.LIFETIME.total_seconds())
    name = sessions.cookie_name(instance.settings.url)
    response.set_cookie(name, begun.token, max_age=max_age_s, **_cookie_facts(instance))
    response.delete_cookie(_form_cookie(instance), **_cookie_facts(instance))
    return response


def _redirect(target: str) -> RedirectResponse:
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})


def _session_token(request: Request, instance: Instance) -> str | None:
    return sessions.token_from(request.headers.get("cookie"), instance.settings.url)


def _form_cookie(instance: Instance) -> str:
    return sessions.cookie_name(instance.settings.url).replace("session", "form")


def _cookie_facts(instance: Instance) -> _CookieFacts:
    return {
        "path": "/",
        "secure": instance.settings.url.startswith("https://"),
        "httponly": True,
        "samesite": "lax",
    }


def _local(target: str) -> str:
    """The target if it is a path of this instance, else the first page."""
    parts = urlsplit(target)
    is_local = (
        target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    )
    is_plain = target.isprintable() and "\\" not in target and target.isascii()
    return target if is_local and is_plain else "/"
