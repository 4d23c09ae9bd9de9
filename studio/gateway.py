"""One port for everything: the REST API, the events of the pages, and the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

API_SEGMENT: Final = "v1"
EVENTS_SEGMENT: Final = "_event"
"""Where the pages open their socket."""
PAGE_SEGMENTS: Final = frozenset({"", "p", "assets"})


class Gateway:
    """Sends each request to the part that answers for its path.

    The API stays outside of Reflex, whose own middleware would let other origins read answers made for a cookie.
    """

    def __init__(
        self,
        *,
        lifespan: ASGIApp,
        api: ASGIApp,
        api_routes: Sequence[BaseRoute],
        events: ASGIApp,
        pages: ASGIApp,
        public_url: str,
    ) -> None:
        self._lifespan = lifespan
        self._api = api
        self._api_routes = api_routes
        self._events = events
        self._pages = pages
        self._public_host = _host(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a socket that no page of ours asks for is closed before it opens."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        segment = scope["path"].lstrip("/").partition("/")[0]
        if segment == EVENTS_SEGMENT or scope["type"] == "websocket":
            is_welcome = segment == EVENTS_SEGMENT and self._is_from_us(scope)
            await (self._events if is_welcome else _refuse)(scope, receive, send)
        elif self._is_of_api(scope, segment):
            await self._api(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def _is_of_api(self, scope: Scope, segment: str) -> bool:
        """Whether the API has the path; what nobody has is for the pages, whose answer a person can read."""
        if segment == API_SEGMENT or segment in PAGE_SEGMENTS:
            return segment == API_SEGMENT
        return any(route.matches(scope)[0] is not Match.NONE for route in self._api_routes)

    def _is_from_us(self, scope: Scope) -> bool:
        """Whether one of our own pages asks: browsers send cookies along with sockets of any page on the same site."""
        headers = Headers(scope=scope)
        asking = _host(headers.get("origin", ""))
        return asking != "" and asking in (headers.get("host"), self._public_host)


def _host(url: str) -> str:
    return urlsplit(url).netloc


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 403 without a word."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
