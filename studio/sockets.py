"""A page's socket is open for as long as its person is signed in, and no longer than a few seconds more.

Each person has a bounded number of them: an open one keeps a page's state.
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
from backend.identity.limits.errors import TooManyAtOnce
from studio.session import Standing

LOOK_EVERY_S: Final = (
    5.0  # a session that was ended elsewhere is seen by then; acts are refused at once anyway
)
SIGNED_OUT: Final = 4401  # of the range for applications: the page's session has ended
TOO_MANY: Final = 4429  # the same: the person has as many pages open as one may

StandingOf = Callable[[str | None], Awaitable[Standing]]
"""Whether the `Cookie` header is of somebody who is signed in."""
PersonBehind = Callable[[str | None], Awaitable[UUID | None]]
"""Whose `Cookie` header it is."""


class WatchedSockets:
    """ASGI middleware that opens so many sockets for each person, and closes those whose session has ended."""

    def __init__(
        self, app: ASGIApp, standing_of: StandingOf, person_behind: PersonBehind, *, most: int
    ) -> None:
        self._app = app
        self._standing_of = standing_of
        self._person_behind = person_behind
        self._open = ConcurrencyLimit(most, what="pages", setting="PURAS_OPEN_PAGES")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket until either side ends it, or its session has ended."""
        cookie = Headers(scope=scope).get("cookie")
        person = await self._person_behind(cookie)
        try:
            with self._open.slot(person) if person else contextlib.nullcontext():
                await self._serve(scope, _Socket(receive, send), cookie)
        except TooManyAtOnce:
            await receive()  # its wish to open
            await send({"type": "websocket.close", "code": TOO_MANY})

    async def has_room(self, cookie: str | None) -> bool:
        """Whether the person behind the cookie may open one more: a refused socket cannot tell its page."""
        person = await self._person_behind(cookie)
        return person is None or self._open.has_capacity(person)

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
            await asyncio.sleep(LOOK_EVERY_S)
            if await self._standing_of(cookie) == "signed_out":
                await socket.close()
                return


class _Socket:
    """The two ends of a socket, which can be closed from beside."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._closed = asyncio.Event()

    async def close(self) -> None:
        """Close it; who serves it is told that it is disconnected, and what it still sends goes nowhere."""
        self._closed.set()
        await self._send({"type": "websocket.close", "code": SIGNED_OUT, "reason": "Your session has ended."})

    async def send(self, message: Message) -> None:
        """Send on what the application says."""
        if not self._closed.is_set():
            await self._send(message)

    async def receive(self) -> Message:
        """What comes next, or that the socket is closed."""
        coming = asyncio.ensure_future(self._receive())
        closing = asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait({coming, closing}, return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "websocket.disconnect", "code": SIGNED_OUT}
        finally:
            coming.cancel()
            closing.cancel()
