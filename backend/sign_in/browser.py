"""What every HTML form shares: its protection against forgery, its cookies, and where a browser is sent next."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from typing import Final, Literal, TypedDict
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from backend.context import AppContext
from backend.core.errors import PurasError, TooMany
from backend.core.http.client_ip import address_of
from backend.identity.auth import sessions
from backend.identity.auth.errors import ForgedRequest
from backend.identity.auth.sessions import NewSession
from backend.identity.auth.throttle import Throttle
from backend.sign_in import forms

_FORM_COOKIE_S: Final = 3600


class _CookieFacts(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax", "strict"]


def refuse_forgery(request: Request, context: AppContext, csrf: str) -> None:
    """Let a form pass that a page of ours sent: the field equals the cookie, and the browser does not say otherwise.

    Raises:
        ForgedRequest: it did not, or was open for too long.
    """
    origin = request.headers.get("origin")
    own = {context.settings.url, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    expected = request.cookies.get(_form_cookie(context), "")
    is_same = hmac.compare_digest(csrf.encode(), expected.encode())
    if not expected or not is_same or (origin is not None and origin not in own):
        raise ForgedRequest(
            "This form was open for too long, or did not come from this site. Please send it again."
        )


def form_page(
    request: Request, context: AppContext, form: forms.Form, error: PurasError | None, **hidden: str
) -> Response:
    """The form as a page, with its hidden fields and what was wrong with it the last time."""
    cookie = _form_cookie(context)
    csrf = request.cookies.get(cookie) or secrets.token_urlsafe(32)
    shown = replace(form, hidden=[("csrf", csrf), *hidden.items()])
    response = forms.page(shown, fault=error.detail if error else "", status=error.status if error else 200)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    response.set_cookie(cookie, csrf, max_age=_FORM_COOKIE_S, **_cookie_facts(context))
    return response


async def closed_link(request: Request, title: str, error: PurasError) -> Response:
    """A page that says what is wrong with a one-time link; whoever tries many of them is told to stop."""
    throttle: Throttle = request.app.state.throttle
    try:
        await throttle.count_bad_link(address_of(request.scope))
    except TooMany as too_many:
        error = too_many
    return forms.notice(title, error.detail, status=error.status)


def signed_in(context: AppContext, begun: NewSession, target: str) -> Response:
    """Give the browser its session, and send it on."""
    response = redirect(target)
    max_age_s = int(sessions.LIFETIME.total_seconds())
    name = sessions.cookie_name(context.settings.url)
    response.set_cookie(name, begun.token, max_age=max_age_s, **_cookie_facts(context))
    response.delete_cookie(_form_cookie(context), **_cookie_facts(context))
    return response


def signed_out(context: AppContext, response: Response) -> None:
    """Take the session from the browser."""
    response.delete_cookie(sessions.cookie_name(context.settings.url), **_cookie_facts(context))


def redirect(target: str) -> RedirectResponse:
    """Send the browser there, with a GET."""
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})


def session_token(request: Request, context: AppContext) -> str | None:
    """The token in the browser's cookie, which may be worth nothing."""
    return sessions.token_from(request.headers.get("cookie"), context.settings.url)


def local(target: str) -> str:
    """The target if it is a path of this instance, else the first page."""
    parts = urlsplit(target)
    is_local = (
        target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    )
    is_plain = target.isprintable() and "\\" not in target and target.isascii()
    return target if is_local and is_plain else "/"


def _form_cookie(context: AppContext) -> str:
    return sessions.cookie_name(context.settings.url).replace("session", "form")


def _cookie_facts(context: AppContext) -> _CookieFacts:
    return {
        "path": "/",
        "secure": context.settings.url.startswith("https://"),
        "httponly": True,
        "samesite": "lax",
    }
