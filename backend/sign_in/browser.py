"""Protect HTML forms against forgery, set their cookies, and redirect browsers."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from typing import Final, Literal, TypedDict
from urllib.parse import quote, urlsplit

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from backend.context import AppContext
from backend.core.errors import PurasError, TooMany
from backend.core.http.client_ip import address_of
from backend.identity.auth.accounts import sessions
from backend.identity.auth.accounts.sessions import NewSession
from backend.identity.auth.errors import ForgedRequest
from backend.identity.auth.rate_limits.sign_ins import Throttle
from backend.identity.preferences import service as preferences
from backend.sign_in import forms

PREFERENCES_COOKIE: Final = "puras-preferences"
_PREFERENCES_COOKIE_S: Final = 365 * 86_400
_FORM_COOKIE_S: Final = 3600


class _CookieOptions(TypedDict):
    path: str
    secure: bool
    httponly: bool
    samesite: Literal["lax", "strict"]


def reject_forgery(request: Request, context: AppContext, csrf: str) -> None:
    """Check that a page of this instance sent the form: its field equals the cookie, and the Origin is right.

    Raises:
        ForgedRequest: Another site sent the form, or it was open for too long.
    """
    origin = request.headers.get("origin")
    own = {context.settings.url, f"{request.url.scheme}://{request.headers.get('host', '')}"}
    expected = request.cookies.get(_form_cookie(context), "")
    is_same = hmac.compare_digest(csrf.encode(), expected.encode())
    if not expected or not is_same or (origin is not None and origin not in own):
        raise ForgedRequest(
            "This form was open for too long, or did not come from this site. Submit it again."
        )


def form_page(
    request: Request, context: AppContext, form: forms.Form, error: PurasError | None, **hidden: str
) -> Response:
    """Return the form as a page, with its hidden fields and the error of the last submission."""
    cookie = _form_cookie(context)
    csrf = request.cookies.get(cookie) or secrets.token_urlsafe(32)
    shown = replace(form, hidden=[("csrf", csrf), *hidden.items()])
    response = forms.page(shown, fault=error.detail if error else "", status=error.status if error else 200)
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after_s)
    response.set_cookie(cookie, csrf, max_age=_FORM_COOKIE_S, **_cookie_options(context))
    return response


async def closed_link(request: Request, title: str, error: PurasError) -> Response:
    """Return a page with the error of a one-time link, or of too many such attempts."""
    throttle: Throttle = request.app.state.throttle
    try:
        await throttle.count_bad_link(address_of(request.scope))
    except TooMany as too_many:
        error = too_many
    return forms.notice(title, error.detail, status=error.status)


async def signed_in(context: AppContext, new_session: NewSession, target: str) -> Response:
    """Set the session cookie and that of the user's preferences, and redirect the browser."""
    async with context.database.transaction() as session:
        found = await preferences.read(session, new_session.signed_in.user_id)
    response = redirect(target)
    max_age_s = int(sessions.LIFETIME.total_seconds())
    name = sessions.cookie_name(context.settings.url)
    response.set_cookie(name, new_session.token, max_age=max_age_s, **_cookie_options(context))
    response.delete_cookie(_form_cookie(context), **_cookie_options(context))
    # Scripts of the studio read it before the first paint and change it, so it is not `httponly`.
    options: _CookieOptions = {**_cookie_options(context), "httponly": False}
    value = quote(f"{found.theme or ''}|{found.time_zone}", safe="")
    response.set_cookie(PREFERENCES_COOKIE, value, max_age=_PREFERENCES_COOKIE_S, **options)
    return response


def signed_out(context: AppContext, response: Response) -> None:
    """Delete the session cookie."""
    response.delete_cookie(sessions.cookie_name(context.settings.url), **_cookie_options(context))


def redirect(target: str) -> RedirectResponse:
    """Redirect the browser to the target with a GET."""
    return RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})


def session_token(request: Request, context: AppContext) -> str | None:
    """Return the token in the browser's cookie, which may be invalid."""
    return sessions.token_from(request.headers.get("cookie"), context.settings.url)


def local(target: str) -> str:
    """Return the target if it is a path of this instance, else `/`, to prevent open redirects."""
    parts = urlsplit(target)
    is_local = (
        target.startswith("/") and not target.startswith("//") and not parts.scheme and not parts.netloc
    )
    is_plain = target.isprintable() and "\\" not in target and target.isascii()
    return target if is_local and is_plain else "/"


def _form_cookie(context: AppContext) -> str:
    return sessions.cookie_name(context.settings.url).replace("session", "form")


def _cookie_options(context: AppContext) -> _CookieOptions:
    return {
        "path": "/",
        "secure": context.settings.url.startswith("https://"),
        "httponly": True,
        "samesite": "lax",
    }
