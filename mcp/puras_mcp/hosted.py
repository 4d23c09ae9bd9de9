"""Serve MCP at `/mcp` of an instance. Each request has the permissions of its API key.

There are no sessions: each call is an independent request, so that no state is shared between callers.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from puras_mcp.api import Api
from puras_mcp.errors import CallRejected
from puras_mcp.server import Server
from puras_mcp.world import bearer

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Files of a push are part of the call. Larger bundles need REST."""
MAX_OPEN_CALLS: Final = 32
"""Open calls of one key. Each can wait up to 55 s for a job."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Hosted:
    """ASGI application for one path, which calls the API in the same process."""

    def __init__(self, api: ASGIApp, *, public_url: str) -> None:
        self._api = api
        self._url = public_url.rstrip("/")
        self._hosts = frozenset({urlsplit(public_url).netloc.lower()})
        self._open_calls: Counter[str] = Counter()
        server = Server(self._api_for, hosted=True)
        self._manager = StreamableHTTPSessionManager(
            server._lowlevel_server,
            json_response=False,
            stateless=True,
            max_request_body_size=MAX_BODY_BYTES,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the session manager while requests are served; enter it once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a call with a valid key; the body is not read before the check."""
        headers = Headers(scope=scope)
        rejection = self._reject(scope["method"], headers) or await self._reject_key(scope, headers)
        if rejection is not None:
            await rejection(scope, receive, send)
            return
        caller = hashlib.sha256(bearer(headers).encode()).hexdigest()
        if self._open_calls[caller] >= MAX_OPEN_CALLS:
            await _error_response(
                429,
                "too_many_concurrent_requests",
                f"{MAX_OPEN_CALLS} calls of this key are running, which is the maximum. Try again later.",
                former_code="too_many_at_once",
            )(scope, receive, send)
            return
        self._open_calls[caller] += 1
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            self._open_calls[caller] -= 1
            if not self._open_calls[caller]:
                del self._open_calls[caller]

    def _reject(self, method: str, headers: Headers) -> JSONResponse | None:
        """Reject other host names, pages of other sites, and streams."""
        host = headers.get("host", "").lower()
        if not self._is_own_host(host):
            return _error_response(
                421,
                "wrong_host",
                f"{host!r} is not the host name of this instance. Use {self._url}, or set PURAS_PUBLIC_URL.",
            )
        origin = headers.get("origin")
        if origin is not None and (urlsplit(origin).netloc.lower() not in (*self._hosts, host)):
            return _error_response(
                403, "wrong_origin", "Web pages of other sites cannot call tools. Use an MCP client."
            )
        if method != "POST":
            return _error_response(
                405,
                "method_not_allowed",
                "This endpoint has no sessions and no streams. Send each call with POST.",
            )
        return None

    def _is_own_host(self, host: str) -> bool:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return host in self._hosts or name in _LOOPBACK

    async def _reject_key(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        try:
            await self._api_of(bearer(headers), scope).get("/v1/me")
        except CallRejected as rejection:
            return _error_response(rejection.status or 503, rejection.code or "unavailable", str(rejection))
        return None

    def _api_for(self, request: Any) -> Api:
        """Return the API with the key of a request; cookies are never forwarded."""
        return self._api_of(bearer(request.headers), request.scope)

    def _api_of(self, key: str, scope: Scope) -> Api:
        client: Sequence[Any] = scope.get("client") or ("", 0)
        transport = httpx2.ASGITransport(
            app=self._api, raise_app_exceptions=False, client=(str(client[0]), int(client[1]))
        )
        return Api(self._url, key, transport=transport)


def _error_response(status: int, code: str, detail: str, **fields: str) -> JSONResponse:
    headers = (
        {"WWW-Authenticate": "Bearer"} if status == 401 else {"Allow": "POST"} if status == 405 else None
    )
    return JSONResponse({"detail": detail, "code": code, **fields}, status, headers)
