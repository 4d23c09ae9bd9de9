"""The application behind the single port: REST API, MCP tools, sockets of the pages, and the pages.

Pages and their sockets are for signed-in users. Requests of anyone else are redirected to the sign-in form and cost the
instance neither a socket nor the state of a page. The documentation is public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core.http.destinations import is_service_worker
from studio.sockets import SessionStatusOf, UserIdOf, WatchedSockets

API_SEGMENT: Final = "v1"
TOOLS_PATH: Final = "/mcp"
"""The path at which agents call MCP tools."""
EVENTS_SEGMENT: Final = "_event"
"""The path segment of the sockets with the events of the pages."""
FOLLOW_SEGMENT: Final = "_follow"
"""The path segment of the sockets with the events of jobs."""
ROOM_PATH: Final = f"/{EVENTS_SEGMENT}/room"
"""The path at which a page whose socket was rejected checks whether too many pages are open."""
PAGE_SEGMENTS: Final = frozenset({"", "p", "account", "_components", "operator"})
FILE_SEGMENTS: Final = frozenset({"assets"})


class Parts(NamedTuple):
    """The applications behind the port."""

    lifespan: ASGIApp
    api: ASGIApp
    tools: ASGIApp
    events: ASGIApp
    prepare_events: Callable[[], None]
    """Called with each request for a page, which opens a socket for events soon."""
    following: ASGIApp
    pages: ASGIApp


class Gateway:
    """Routes each request to the application that handles its path.

    The API is not mounted in Reflex, because its middleware would allow other origins to read authenticated responses.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        api_routes: Sequence[BaseRoute],
        public_url: str,
        session_status_of: SessionStatusOf,
        user_id_of: UserIdOf,
        max_pages: int,
    ) -> None:
        self._lifespan = parts.lifespan
        self._api = parts.api
        self._api_routes = api_routes
        self._tools = parts.tools
        self._events = parts.events
        self._prepare_events = parts.prepare_events
        self._sockets = {
            EVENTS_SEGMENT: WatchedSockets(parts.events, session_status_of, user_id_of, limit=max_pages),
            FOLLOW_SEGMENT: WatchedSockets(parts.following, session_status_of, user_id_of, limit=max_pages),
        }
        self._pages = parts.pages
        self._public_host = _host(public_url)
        self._session_status_of = session_status_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; a socket that does not come from a page of the studio is closed before it opens."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        segment = scope["path"].lstrip("/").partition("/")[0]
        if scope["type"] == "http" and is_service_worker(Headers(scope=scope)):
            await _refuse(scope, receive, send)  # A service worker could intercept all requests of the pages.
        elif scope["path"] == ROOM_PATH and scope["type"] == "http":
            await (await self._capacity(scope))(scope, receive, send)
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
        is_ours = segment in self._sockets and self._is_same_origin(headers)
        if not is_ours or await self._session_status_of(headers.get("cookie")) != "signed_in":
            return _refuse
        return self._sockets[segment] if is_socket else self._events

    async def _capacity(self, scope: Scope) -> ASGIApp:
        has_capacity = await self._sockets[EVENTS_SEGMENT].has_capacity(Headers(scope=scope).get("cookie"))
        return Response(status_code=204 if has_capacity else 429, headers={"Cache-Control": "no-store"})

    async def _page(self, scope: Scope) -> ASGIApp:
        self._prepare_events()
        if await self._session_status_of(Headers(scope=scope).get("cookie")) != "signed_out":
            return self._pages
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"/sign-in?next={quote(target, safe='')}", 303, {"Cache-Control": "no-store"})

    def _is_of_api(self, scope: Scope, segment: str) -> bool:
        """Return whether the API handles the path; unknown paths return the error page of the studio."""
        if segment == API_SEGMENT or segment in FILE_SEGMENTS:
            return segment == API_SEGMENT
        return any(route.matches(scope)[0] is not Match.NONE for route in self._api_routes)

    def _is_same_origin(self, headers: Headers) -> bool:
        """Return whether a page of the studio opens the socket; browsers also send cookies from other origins."""
        origin = _host(headers.get("origin", ""))
        return origin != "" and origin in (headers.get("host"), self._public_host)


def _host(url: str) -> str:
    return urlsplit(url).netloc


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Return 403 without a body."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await Response(status_code=403)(scope, receive, send)
