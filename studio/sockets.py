"""Sockets of pages: closed a few seconds after the session of their user ends, and limited in number per user.

The number is limited because an open socket keeps the state of its page in memory.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.identity.limits.concurrency import ConcurrencyLimit
from backend.identity.limits.errors import TooManyConcurrentRequests
from studio.session import SessionStatus

RECHECK_INTERVAL_S: Final = 5.0
"""Seconds between two checks of the session. Actions after its end are rejected immediately in any case."""
SIGNED_OUT: Final = 4401
"""Close code of the range for applications: the session has ended."""
TOO_MANY: Final = 4429
"""Close code of the range for applications: the user has the maximum number of pages open."""

SessionStatusOf = Callable[[str | None], Awaitable[SessionStatus]]
"""Returns whether the `Cookie` header belongs to a signed-in user."""
UserIdOf = Callable[[str | None], Awaitable[UUID | None]]
"""Returns the ID of the user to whom the `Cookie` header belongs."""


class WatchedSockets:
    """ASGI middleware that limits the open sockets per user and closes sockets whose session has ended."""

    def __init__(
        self, app: ASGIApp, session_status_of: SessionStatusOf, user_id_of: UserIdOf, *, limit: int
    ) -> None:
        self._app = app
        self._session_status_of = session_status_of
        self._user_id_of = user_id_of
        self._open = ConcurrencyLimit(limit, what="pages", setting="PURAS_OPEN_PAGES")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket until either side closes it or its session ends."""
        cookie = Headers(scope=scope).get("cookie")
        user_id = await self._user_id_of(cookie)
        try:
            with self._open.slot(user_id) if user_id else contextlib.nullcontext():
                await self._serve(scope, _Socket(receive, send), cookie)
        except TooManyConcurrentRequests:
            await receive()  # the connect message
            await send({"type": "websocket.close", "code": TOO_MANY})

    async def has_capacity(self, cookie: str | None) -> bool:
        """Return whether the user may open another socket; a browser hides the reason of a rejected socket."""
        user_id = await self._user_id_of(cookie)
        return user_id is None or self._open.has_capacity(user_id)

    async def _serve(self, scope: Scope, socket: _Socket, cookie: str | None) -> None:
        watching = asyncio.create_task(self._watch(socket, cookie), name="socket of a page")
        try:
            await self._app(scope, socket.receive, socket.send)
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, socket: _Socket, cookie: str | None) -> None:
        while True:
            await asyncio.sleep(RECHECK_INTERVAL_S)
            if await self._session_status_of(cookie) == "signed_out":
                await socket.close()
                return


class _Socket:
    """The two directions of a socket, which another task can close."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._closed = asyncio.Event()

    async def close(self) -> None:
        """Close the socket: the application receives a disconnect, and messages that it still sends are discarded."""
        self._closed.set()
        await self._send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "Your session has ended."})

    async def send(self, message: Message) -> None:
        """Forward a message of the application, unless the socket is closed."""
        if not self._closed.is_set():
            await self._send(message)

    async def receive(self) -> Message:
        """Return the next message, or a disconnect if the socket is closed."""
        coming = asyncio.ensure_future(self._receive())
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({coming, closing}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "websocket.disconnect", "code": SIGNED_OUT}
        finally:
            coming.cancel()
            closing.cancel()
