"""The outermost layer of HTTP: request ids, one log line per request, security headers, and no error that escapes."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from backend import logs
from backend.answers import answer_to
from backend.errors import Malformed, TooLarge
from backend.proxies import Network, client_address

log = logs.get(__name__)

_SANE_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_API: Final = "/v1/"
_QUIET: Final = ("/health", "/ready", "/_event", "/assets/")
"""Paths that are asked for all the time; only their failures are logged."""
_SEALED: Final = re.compile(r"^(/v1/drive/signed/|/bundles/).+", re.DOTALL)
"""Paths that are themselves a credential are not logged whole."""
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_API_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class Boundary:
    """ASGI middleware around everything: what goes out has a request id, safe headers, and an error's own shape."""

    def __init__(self, app: ASGIApp, *, is_https: bool, proxies: Sequence[Network] = ()) -> None:
        self._app = app
        self._proxies = proxies
        self._headers = dict(_HEADERS)
        if is_https:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._proxies:
            scope["client"] = (client_address(scope, self._proxies), 0)
        request_id = _request_id(scope)
        with bound_contextvars(request_id=request_id):
            await self._answer(scope, receive, _Outgoing(scope, send, self._headers_for(scope, request_id)))

    async def _answer(self, scope: Scope, receive: Receive, outgoing: _Outgoing) -> None:
        began = time.perf_counter()
        try:
            _refuse_nul(scope)
            await self._app(scope, receive, outgoing)
        except Exception as error:
            response = answer_to(error, scope["method"], _loggable(scope["path"]))
            if outgoing.status:
                raise  # half an answer is out: only a broken connection tells the caller that the rest is missing
            await response(scope, receive, outgoing)
        finally:
            _log(scope, outgoing.status, time.perf_counter() - began)

    def _headers_for(self, scope: Scope, request_id: str) -> dict[str, str]:
        of_api = _API_HEADERS if scope["path"].startswith(_API) else {}
        return {**self._headers, **of_api, "X-Request-Id": request_id}


class ApiCors:
    """ASGI middleware that opens `/v1` to pages of any origin, without cookies, and nothing else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "Last-Event-ID",
                "X-Request-Id",
            ],
            expose_headers=[
                "ETag",
                "Idempotent-Replayed",
                "Link",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "X-Request-Id",
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith(_API)
        await (self._open if is_api else self._app)(scope, receive, send)


class _Outgoing:
    """Sends messages on, and puts our headers where the answer has not set its own."""

    def __init__(self, scope: Scope, send: Send, headers: dict[str, str]) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._is_replaced = False
        self.status = 0
        """Of the answer that has begun; 0 before."""

    async def __call__(self, message: Message) -> None:
        if self._is_replaced:
            return
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and headers[
                "content-type"
            ].startswith("text/plain"):
                await self._say_too_large()
                return
            self.status = message["status"]
            of_this_answer = self._scope.get("state", {}).get("answer_headers", {})
            for name, value in {**self._headers, **of_this_answer}.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def _say_too_large(self) -> None:
        """The framework's limit on bodies answers in bare words; say it in ours."""
        too_large = TooLarge("The body is larger than this route takes.")
        await answer_to(too_large, self._scope["method"], self._scope["path"])(
            self._scope, _nothing_more, self
        )
        self._is_replaced = True


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else uuid4().hex


def _refuse_nul(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise Malformed("The address holds a NUL character. Take it out.")


def _loggable(path: str) -> str:
    return _SEALED.sub(r"\1…", path)


def _log(scope: Scope, status: int, took_s: float) -> None:
    path: str = scope["path"]
    if path.startswith(_QUIET) and status < 500:
        return
    caller = scope.get("state", {}).get("caller")
    log.info(
        "request answered",
        method=scope["method"],
        path=_loggable(path),
        status=status or None,
        took_ms=round(took_s * 1000, 2),
        caller=getattr(caller, "label", None),
    )
