"""The server at `/mcp` of an instance: every request brings a key, and gets no further than that key does.

It holds no session: a call is answered as its own request alone, so nothing of one caller is there for another.
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
from puras_mcp.errors import Refused
from puras_mcp.server import Server
from puras_mcp.world import bearer

MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""Files of a push come within the call; greater bundles go over REST."""
MAX_AT_ONCE: Final = 32
"""Calls of one key that are being answered: each may wait for a job for most of a minute."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


class Hosted:
    """ASGI application for one path, beside the API that it asks within the process."""

    def __init__(self, api: ASGIApp, *, public_url: str) -> None:
        self._api = api
        self._url = public_url.rstrip("/")
        self._hosts = frozenset({urlsplit(public_url).netloc.lower()})
        self._at_once: Counter[str] = Counter()
        server = Server(self._api_for, hosted=True)
        self._manager = StreamableHTTPSessionManager(
            server._lowlevel_server,
            json_response=False,
            stateless=True,
            max_request_body_size=MAX_BODY_BYTES,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What has to stand around the time in which requests come; once."""
        async with self._manager.run():
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call whose key the instance knows; nothing of the body is read before."""
        headers = Headers(scope=scope)
        refused = self._refuse(scope["method"], headers) or await self._refuse_key(scope, headers)
        if refused is not None:
            await refused(scope, receive, send)
            return
        caller = hashlib.sha256(bearer(headers).encode()).hexdigest()
        if self._at_once[caller] >= MAX_AT_ONCE:
            await _answer(
                429, "too_many_at_once", f"{MAX_AT_ONCE} calls of this key run already. Wait for one."
            )(scope, receive, send)
            return
        self._at_once[caller] += 1
        try:
            await self._manager.handle_request(scope, receive, send)
        finally:
            self._at_once[caller] -= 1
            if not self._at_once[caller]:
                del self._at_once[caller]

    def _refuse(self, method: str, headers: Headers) -> JSONResponse | None:
        """Names that lead here without being ours, pages of other sites, streams without end."""
        host = headers.get("host", "").lower()
        if not self._is_ours(host):
            return _answer(
                421,
                "wrong_host",
                f"{host!r} is not this instance's name. Ask at {self._url}, or set PURAS_PUBLIC_URL.",
            )
        origin = headers.get("origin")
        if origin is not None and (urlsplit(origin).netloc.lower() not in (*self._hosts, host)):
            return _answer(
                403, "wrong_origin", "Pages of other sites may not call tools. Use a client of your own."
            )
        if method != "POST":
            return _answer(
                405, "method_not_allowed", "There is no session and no stream here: POST each call."
            )
        return None

    def _is_ours(self, host: str) -> bool:
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        return host in self._hosts or name in _LOOPBACK

    async def _refuse_key(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        try:
            await self._api_of(bearer(headers), scope).get("/v1/me")
        except Refused as refused:
            return _answer(refused.status or 503, refused.code or "unavailable", str(refused))
        return None

    def _api_for(self, request: Any) -> Api:
        """The instance as the key of a request reaches it; cookies are never passed on."""
        return self._api_of(bearer(request.headers), request.scope)

    def _api_of(self, key: str, scope: Scope) -> Api:
        client: Sequence[Any] = scope.get("client") or ("", 0)
        transport = httpx2.ASGITransport(
            app=self._api, raise_app_exceptions=False, client=(str(client[0]), int(client[1]))
        )
        return Api(self._url, key, transport=transport)


def _answer(status: int, code: str, detail: str) -> JSONResponse:
    headers = (
        {"WWW-Authenticate": "Bearer"} if status == 401 else {"Allow": "POST"} if status == 405 else None
    )
    return JSONResponse({"detail": detail, "code": code}, status, headers)
