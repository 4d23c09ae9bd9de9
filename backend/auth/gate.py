"""The gate before `/v1`: who has no valid credentials gets no further, and not one byte of the body is read.

It stands before the router, so that a route that forgets to ask for its principal is closed all the same.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.auth import credentials
from backend.auth.actors import Caller, SignedIn
from backend.auth.credentials import Credentials
from backend.auth.last_use import LastUse
from backend.instance import Instance

GUARDED: Final = "/v1/"
OPEN: Final = ("/v1/drive/signed/",)
"""Routes that carry their own proof in the path."""


class Gate:
    """ASGI middleware that authenticates every request under `/v1/` and leaves its caller in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through as its caller.

        Raises:
            NotSignedIn: it brings no valid credentials.
        """
        path: str = scope["path"] if scope["type"] == "http" else ""
        if path.startswith(GUARDED) and not path.startswith(OPEN):
            scope.setdefault("state", {})["caller"] = await _authenticate(scope)
        await self._app(scope, receive, send)


async def _authenticate(scope: Scope) -> Caller:
    state = scope["app"].state
    instance: Instance = state.instance
    brought = Credentials.of(scope["method"], scope["path"], Headers(scope=scope), url=instance.settings.url)
    async with instance.database.reading() as reader:
        caller = await credentials.authenticate(reader, instance.vault, brought)
    _note_use(state.last_use, caller)
    return caller


def _note_use(last_use: LastUse, caller: Caller) -> None:
    if isinstance(caller, SignedIn):
        last_use.of_session(caller.session_id)
    elif caller.kind != "job":
        last_use.of_key(caller.id)
