"""One port for everything: the REST API, the tools, the events of the pages, and the pages.

Pages and their sockets are for signed-in users. Requests of anyone else are redirected to the sign-in form and cost the
instance neither a socket nor the state of a page. The documentation is public.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core.http.destinations import is_service_worker
from studio.sockets import PersonBehind, StandingOf, WatchedSockets

API_SEGMENT: Final = "v1"
TOOLS_PATH: Final = "/mcp"
"""Where agents call tools."""
EVENTS_SEGMENT: Final = "_event"
"""Where the pages open their socket."""
FOLLOW_SEGMENT: Final = "_follow"
"""Where they open the one that brings the events of jobs."""
ROOM_PATH: Final = f"/{EVENTS_SEGMENT}/room"
"""Where a page whose socket was refused asks whether that is for the number of pages that are open."""
PAGE_SEGMENTS: Final = frozenset({"", "p", "account", "_components", "operator"})
FILE_SEGMENTS: Final = frozenset({"assets"})


class Parts(NamedTuple):
    """The applications behind the port."""

    lifespan: ASGIApp
    api: ASGIApp
    tools: ASGIApp
    events: ASGIApp
    following: ASGIApp
    pages: ASGIApp


class Gateway:
    """Sends each request to the part that answers for its path.

    The API stays outside of Reflex, whose own middleware would let other origins read answers made for a cookie.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        api_routes: Sequence[BaseRoute],
        public_url: str,
        standing_of: StandingOf,
        person_behind: PersonBehind,
        most_pages: int,
    ) -> None:
        self._lifespan = parts.lifespan
        self._api = parts.api
        self._api_routes = api_routes
        self._tools = parts.tools
        self._events = parts.events
        self._sockets = {
            EVENTS_SEGMENT: WatchedSockets(parts.events, standing_of, person_behind, most=most_pages),
            FOLLOW_SEGMENT: WatchedSockets(parts.following, standing_of, person_behind, most=most_pages),
        }
        self._pages = parts.pages
        self._public_host = _host(public_url)
        self._standing_of = standing_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a socket that no page of ours asks for is closed before it opens."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        segment = scope["path"].lstrip("/").partition("/")[0]
        if scope["type"] == "http" and is_service_worker(Headers(scope=scope)):
            await _refuse(scope, receive, send)  # it would stay between the studio and its pages
        elif scope["path"] == ROOM_PATH and scope["type"] == "http":
            await (await self._room(scope))(scope, receive, send)
        elif segment == EVENTS_SEGMENT or scope["type"] == "websocket":
            await (await self._socket(scope, segment))(scope, receive, send)
        elif scope["path"].rstrip("/") == TOOLS_PATH:
            await self._tools(scope, receive, send)
        elif segment in PAGE_SEGMENTS:
            await (await self._page(scope))(scope, receive, send)
        elif self._is_of_api(scope, segment):
            await self._api(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    async def _socket(self, scope: Scope, segment: str) -> ASGIApp:
        headers = Headers(scope=scope)
        is_socket = scope["type"] == "websocket"
        is_ours = segment in self._sockets and self._is_from_us(headers)
        if not is_ours or await self._standing_of(headers.get("cookie")) != "signed_in":
            return _refuse
        return self._sockets[segment] if is_socket else self._events

    async def _room(self, scope: Scope) -> ASGIApp:
        has_room = await self._sockets[EVENTS_SEGMENT].has_room(Headers(scope=scope).get("cookie"))
        return Response(status_code=204 if has_room else 429, headers={"Cache-Control": "no-store"})

    async def _page(self, scope: Scope) -> ASGIApp:
        if await self._standing_of(Headers(scope=scope).get("cookie")) != "signed_out":
            return self._pages
        query = scope["query_string"].decode("latin-1")
        wanted = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/sign-in?next={quote(wanted, safe='')}", 303, {"Cache-Control": "no-store"})

    def _is_of_api(self, scope: Scope, segment: str) -> bool:
        """Whether the API has the path; what nobody has is for the pages, whose answer a person can read."""
        if segment == API_SEGMENT or segment in FILE_SEGMENTS:
            return segment == API_SEGMENT
        return any(route.matches(scope)[0] is not Match.NONE for route in self._api_routes)

    def _is_from_us(self, headers: Headers) -> bool:
        """Whether one of our own pages asks: browsers send cookies with sockets of any page on the same site."""
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
    await Response(status_code=403)(scope, receive, send)
