"""The gate before `/v1`: who has no valid credentials, or has sent too much, gets no further, and not one byte of the
body is read.

It stands before the router, so that a route that forgets to ask for its principal is closed all the same.
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.config import Settings
from backend.context import AppContext
from backend.core.errors import PurasError, Unavailable
from backend.core.http.client_ip import address_of
from backend.core.http.exception_handlers import ServersUnavailable
from backend.core.http.request_limits import STREAMS
from backend.identity.auth import credentials, permissions, rates
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.credentials import Credentials
from backend.identity.auth.errors import InvalidKey
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.rates import Policy

GUARDED: Final = "/v1/"
OPEN: Final = ("/v1/drive/signed/",)
"""Routes that carry their own proof in the path."""
SPOKEN_OF: Final = "/v1/drive/uploads"
"""Where clients ask by OPTIONS which protocol is spoken, before they bring a key."""
LOOK_EVERY_S: Final = 5.0
"""A response that goes on ends with the first message after this time when its caller lost the permission for it: the
key was revoked or lost the scope, the user signed out, left the project or has a lower role."""


class Gate:
    """ASGI middleware that authenticates every request under `/v1/` and leaves its caller in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through as its caller.

        Raises:
            NotSignedIn: it brings no valid credentials.
            TooManyBadKeys: its address has brought too many that are not.
            RateExceeded: the key or its project has sent too many requests.
            TooManyAtOnce: as many requests of the caller as may be are being answered.
        """
        path: str = scope["path"] if scope["type"] == "http" else ""
        is_asking = path.startswith(SPOKEN_OF) and scope["method"] == "OPTIONS"
        if not path.startswith(GUARDED) or path.startswith(OPEN) or is_asking:
            await self._app(scope, receive, send)
            return
        caller = scope.setdefault("state", {})["caller"] = await _authenticate(scope)
        await _count(scope, caller)
        send = _while_valid(scope, send)
        # What waits or streams looks into the database each second, for as long as a job.
        with (
            suppress(_BrokenOff),
            scope["app"].state.at_once.one(caller.user_id if isinstance(caller, SignedIn) else caller.id),
        ):
            await self._app(scope, receive, send)


class _BrokenOff(Exception):
    """The response ends before it is complete: the server closes the connection, so that its reader notices."""


def _while_valid(scope: Scope, send: Send) -> Send:
    """Send what is streamed for as long as the caller has the route's permission, then end the response.

    The last frame of an event stream is `event: error` with the code and the detail of the reason. Any other response,
    an export or a file, breaks off: a regular end would make it look complete.
    """
    checked_at = time.monotonic()
    has_ended = False
    is_event_stream = False
    may_begin_late = not scope["path"].endswith(STREAMS)  # an upload, or a call that waits, is one answer

    async def guarded(message: Message) -> None:
        nonlocal checked_at, has_ended, is_event_stream
        if has_ended:
            return
        has_started = message["type"] != "http.response.start"  # a response cannot end before its start
        if not has_started:
            content_type = Headers(raw=message["headers"]).get("content-type", "")
            is_event_stream = content_type.startswith("text/event-stream")
            checked_at = time.monotonic() if may_begin_late else checked_at
        if has_started and time.monotonic() - checked_at >= LOOK_EVERY_S:
            checked_at = time.monotonic()
            reason = await _reason_to_end(scope)
            if reason is not None:
                has_ended = True
                if not is_event_stream:
                    raise _BrokenOff
                message = {"type": "http.response.body", "body": _frame(reason)}
        await send(message)

    return guarded


def _frame(reason: PurasError) -> bytes:
    data = json.dumps({"code": reason.code, "detail": reason.detail})
    return f"event: error\ndata: {data}\n\n".encode()


async def check_again(scope: Scope) -> None:
    """Reject a request that is still being answered when its caller may no longer make it.

    Raises:
        PurasError: The credentials are no longer valid, or the permission was lost.
    """
    reason = await _reason_to_end(scope)
    if reason is not None:
        raise reason


async def _reason_to_end(scope: Scope) -> PurasError | None:
    """Return why the caller may no longer read the stream; `None` while it may.

    Checks the credentials, the permission that the route declares, and what the route itself checks.
    """
    try:
        await permissions.authorize_again(scope, await _authenticate(scope))
    except (*ServersUnavailable, Unavailable):
        return None  # the stream itself notices that the database is unavailable
    except PurasError as reason:
        return reason
    return None


async def _authenticate(scope: Scope) -> Caller:
    state = scope["app"].state
    context: AppContext = state.context
    brought = Credentials.of(scope["method"], scope["path"], Headers(scope=scope), url=context.settings.url)
    try:
        async with context.database.reading() as reader:
            caller = await credentials.authenticate(reader, context.vault, brought)
    except InvalidKey:
        await state.throttle.count_bad_key(address_of(scope))
        raise
    _note_use(state.last_use, caller)
    return caller


async def _count(scope: Scope, caller: Caller) -> None:
    """Count the request against the rates of its caller, which are none until somebody sets them."""
    state = scope["app"].state
    policies = policies_for(caller, state.context.settings)
    if policies:
        counted = await state.rates.count(policies)
        scope["state"]["answer_headers"] = rates.headers(counted)
        rates.refuse_exceeded(counted)


def policies_for(caller: Caller, settings: Settings) -> list[Policy]:
    """The rates that a request of the caller counts against.

    A job is held by nothing here: it acts for a request that was counted, and has bounds of its own.
    """
    most_of_each = settings.key_requests_per_minute
    if isinstance(caller, SignedIn):
        return [Policy("person", str(caller.user_id), most_of_each)] if most_of_each else []
    if caller.kind == "job":
        return []
    own, of_project, own_of_project = caller.rates
    most = min(own, most_of_each) if own and most_of_each else own or most_of_each
    ceiling = of_project or settings.project_requests_per_minute
    most_of_project = min(filter(None, (ceiling, own_of_project)), default=None)
    policies = [Policy("key", str(caller.id), most)] if most else []
    if most_of_project:
        policies.append(Policy("project", str(caller.project_id), most_of_project))
    return policies


def _note_use(last_use: LastUse, caller: Caller) -> None:
    if isinstance(caller, SignedIn):
        last_use.of_session(caller.session_id)
    elif caller.kind != "job":
        last_use.of_key(caller.id)
