"""The outermost layer of HTTP: request ids, one log line per request, security headers, and no error that escapes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from backend.core import logs
from backend.core.errors import Malformed, PurasError, TooLarge
from backend.core.http import destinations
from backend.core.http.client_ip import Network, client_address
from backend.core.http.exception_handlers import answer_to

log = logs.get(__name__)

BODY_GRACE_S: Final = 20.0
"""A body may take this long,"""
LEAST_BYTES_PER_S: Final = 4096
"""and longer only as far as so much of it has come each second."""
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
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
"""Forms bring a policy of their own; without one a response is no page, whatever it holds."""
_API_HEADERS: Final = {"Cache-Control": "no-store"}


class BodyTooSlow(PurasError):
    """The body of a request arrives too slowly, or not at all."""

    status = 408
    code = "body_too_slow"

    def describe(self) -> str:
        return (
            f"The body did not come within {BODY_GRACE_S:.0f} s, and not at {LEAST_BYTES_PER_S:,} bytes a second "
            "either. Send it again on a better line, a large file in parts."
        )


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
            destinations.check(scope)
            await self._app(scope, _Incoming(receive, outgoing), outgoing)
        except ClientDisconnect:
            pass  # nobody is left to hear an answer, or one is out already
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
                "Content-Digest",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "Last-Event-ID",
                "Repr-Digest",
                "Tus-Resumable",
                "Upload-Checksum",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Offset",
                "X-HTTP-Method-Override",
                "X-Request-Id",
            ],
            expose_headers=[
                "ETag",
                "Idempotent-Replayed",
                "Link",
                "Location",
                "RateLimit",
                "RateLimit-Policy",
                "Repr-Digest",
                "Retry-After",
                "Tus-Checksum-Algorithm",
                "Tus-Extension",
                "Tus-Max-Size",
                "Tus-Resumable",
                "Tus-Version",
                "Upload-Expires",
                "Upload-Length",
                "Upload-Metadata",
                "Upload-Offset",
                "X-Request-Id",
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith(_API)
        await (self._open if is_api else self._app)(scope, receive, send)


class _Incoming:
    """Reads a request's body for as long as it comes at a speed that any line has."""

    def __init__(self, receive: Receive, outgoing: _Outgoing) -> None:
        self._receive = receive
        self._outgoing = outgoing
        self._waited_s = 0.0
        self._bytes = 0
        self._has_ended = False

    async def __call__(self) -> Message:
        """Return the next part.

        Raises:
            ClientDisconnect: It does not come; the answer that says so is out.
        """
        if self._has_ended:
            return await self._receive()  # of the connection's end, which nobody is held to
        left_s = BODY_GRACE_S + self._bytes / LEAST_BYTES_PER_S - self._waited_s
        began = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                message = await self._receive()
        except TimeoutError:
            await self._outgoing.say(BodyTooSlow(), Connection="close")  # what still comes is no new request
            raise ClientDisconnect from None
        self._waited_s += time.monotonic() - began
        self._bytes += len(message.get("body", b""))
        self._has_ended = not message.get("more_body", False)
        return message


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
            # The framework's limit on bodies answers in bare words; it is said in ours.
            is_bare = headers.get("content-type", "text/plain").startswith("text/plain")
            if message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and is_bare:
                await self.say(TooLarge("The body is larger than this route takes."))
                return
            self.status = message["status"]
            of_this_answer = self._scope.get("state", {}).get("answer_headers", {})
            for name, value in {**self._headers, **of_this_answer}.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def say(self, error: PurasError, **headers: str) -> None:
        """Answer with the error, in place of whatever the application is going to say, if it has not begun yet."""
        if self.status == 0:
            response = answer_to(error, self._scope["method"], self._scope["path"])
            response.headers.update(headers)
            await response(self._scope, _nothing_more, self)
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
