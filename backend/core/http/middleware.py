"""The outermost layer of HTTP: request IDs, one log line per request, security headers, responses for all errors."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final
from uuid import uuid4

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from backend.core import logs
from backend.core.errors import Malformed, PurasError, TooLarge, Unavailable
from backend.core.http import destinations
from backend.core.http.client_ip import Network, client_address
from backend.core.http.exception_handlers import response_to, to_sign_in

log = logs.get(__name__)

BODY_GRACE_S: Final = 20.0
"""Time that any body may take."""
MIN_BYTES_PER_S: Final = 4096
"""Minimum speed of a body that takes longer."""
_VALID_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")
_API: Final = "/v1/"
RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers in the form of ASGI."""
_QUIET: Final = ("/health", "/ready", "/_event", "/assets/")
"""Paths that are requested constantly; only their failures are logged."""
_CREDENTIAL_PATHS: Final = re.compile(r"^(/v1/drive/signed/|/bundles/).+", re.DOTALL)
"""Paths that contain a credential; the log contains only their beginning."""
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
}
"""Pages set a policy of their own; a response without one is not rendered as a page, whatever it contains."""
_API_HEADERS: Final = {"Cache-Control": "no-store"}
_STOPPED: Final = Unavailable(
    "The server stopped before the request had ended, and may have carried it out. Send it again, with the same "
    "Idempotency-Key if it has one."
)
_OPENAI_SDK_HEADERS: Final = (
    *("OpenAI-Organization", "OpenAI-Project"),
    *(
        f"X-Stainless-{name}"
        for name in (
            *("Arch", "Helper-Method", "Lang", "OS", "Package-Version"),
            *("Retry-Count", "Runtime", "Runtime-Version", "Timeout"),
        )
    ),
)
"""Headers that the SDKs of OpenAI send from pages."""


class BodyTooSlow(PurasError):
    """The body of a request arrives too slowly, or not at all."""

    status = 408
    code = "body_too_slow"

    def describe(self) -> str:
        """Return the detail of the error."""
        return (
            f"The body did not arrive within {BODY_GRACE_S:.0f} s, and its speed was below {MIN_BYTES_PER_S:,} bytes "
            "per second. Retry on a faster connection, and upload a large file in parts."
        )


class Boundary:
    """ASGI middleware around everything: each response has a request ID and security headers, each error a body."""

    def __init__(self, app: ASGIApp, *, is_https: bool, proxies: Sequence[Network] = ()) -> None:
        self._app = app
        self._proxies = proxies
        https = {"Strict-Transport-Security": "max-age=31536000"} if is_https else {}
        self._headers = _raw({**_HEADERS, **https})
        self._headers_of_api = _raw({**_HEADERS, **https, **_API_HEADERS})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._proxies:
            scope["client"] = (client_address(scope, self._proxies), 0)
        request_id = _request_id(scope)
        with bound_contextvars(request_id=request_id):
            await self._respond(
                scope, receive, _ResponseSender(scope, send, self._headers_for(scope, request_id))
            )

    async def _respond(self, scope: Scope, receive: Receive, sender: _ResponseSender) -> None:
        started = time.perf_counter()
        try:
            _reject_nul(scope)
            destinations.check(scope)
            await self._app(scope, _BodyReader(receive, sender), sender)
        except ClientDisconnect:
            pass  # the client has disconnected, or already has a response
        except Exception as error:
            response = to_sign_in(error, scope) or response_to(
                error, scope["method"], _loggable(scope["path"])
            )
            if sender.status:
                raise  # part of a response is sent: only a broken connection shows that the rest is missing
            await response(scope, receive, sender)
        except asyncio.CancelledError:  # the server stops, and does not wait any longer
            if not sender.status:
                await response_to(_STOPPED, scope["method"], _loggable(scope["path"]))(scope, receive, sender)
            raise
        finally:
            _log(scope, sender.status, time.perf_counter() - started)

    def _headers_for(self, scope: Scope, request_id: str) -> RawHeaders:
        headers = self._headers_of_api if scope["path"].startswith(_API) else self._headers
        return [*headers, (b"x-request-id", request_id.encode("latin-1"))]


class ApiCors:
    """ASGI middleware that allows pages of any origin to use `/v1`, without cookies, and no other path."""

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
                "X-Puras-End-User",
                "X-Request-Id",
                *_OPENAI_SDK_HEADERS,
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
                "X-Puras-Job-Id",
                "X-Request-Id",
                "X-Should-Retry",
            ],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        is_api = scope["type"] == "http" and scope["path"].startswith(_API)
        await (self._open if is_api else self._app)(scope, receive, send)


class _BodyReader:
    """Reads the body of a request, as long as it arrives at the minimum speed."""

    def __init__(self, receive: Receive, sender: _ResponseSender) -> None:
        self._receive = receive
        self._sender = sender
        self._waited_s = 0.0
        self._bytes = 0
        self._has_ended = False

    async def __call__(self) -> Message:
        """Return the next part of the body.

        Raises:
            ClientDisconnect: It does not arrive in time; the error response is sent.
        """
        if self._has_ended:
            return await self._receive()  # the client may disconnect at any time
        left_s = BODY_GRACE_S + self._bytes / MIN_BYTES_PER_S - self._waited_s
        started = time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left_s)):
                message = await self._receive()
        except TimeoutError:
            await self._sender.replace_by(BodyTooSlow(), Connection="close")  # the rest is not a new request
            raise ClientDisconnect from None
        self._waited_s += time.monotonic() - started
        self._bytes += len(message.get("body", b""))
        self._has_ended = not message.get("more_body", False)
        return message


class _ResponseSender:
    """Sends the messages of a response, and adds the headers that the response does not set itself."""

    def __init__(self, scope: Scope, send: Send, headers: RawHeaders) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._is_replaced = False
        self.status = 0
        """Status of the response that has started; 0 before."""

    async def __call__(self, message: Message) -> None:
        if self._is_replaced:
            return
        if message["type"] == "http.response.start":
            own = dict(message.get("headers", ()))
            # The framework rejects large bodies with plain text; replace it by an error of the API.
            is_bare = own.get(b"content-type", b"text/plain").startswith(b"text/plain")
            if message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and is_bare:
                await self.replace_by(TooLarge("The body is larger than the limit of this route."))
                return
            self.status = message["status"]
            of_this_response = _raw(self._scope.get("state", {}).get("answer_headers", {}))
            added = {name: value for name, value in (*self._headers, *of_this_response) if name not in own}
            message = {**message, "headers": [*message.get("headers", ()), *added.items()]}
        await self._send(message)

    async def replace_by(self, error: PurasError, **headers: str) -> None:
        """Respond with the error instead of the response of the application, if that has not started."""
        if self.status == 0:
            response = response_to(error, self._scope["method"], self._scope["path"])
            response.headers.update(headers)
            await response(self._scope, _disconnected, self)
        self._is_replaced = True


def _raw(headers: Mapping[str, str]) -> RawHeaders:
    """Return headers in the form of ASGI, whose names are in lower case."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _disconnected() -> Message:
    return {"type": "http.disconnect"}


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _VALID_ID.fullmatch(given) else uuid4().hex


def _reject_nul(scope: Scope) -> None:
    if "\x00" in scope["path"] or b"%00" in scope.get("query_string", b""):
        raise Malformed("The URL contains a NUL character. Remove it.")


def _loggable(path: str) -> str:
    return _CREDENTIAL_PATHS.sub(r"\1…", path)


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
