"""The gate before `/v1`: who has no valid credentials, or has sent too much, gets no further, and not one byte of the
body is read.

It stands before the router, so that a route that forgets to ask for its principal is closed all the same.
"""

from __future__ import annotations

import time
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.answers import AWAY
from backend.auth import credentials, membership
from backend.auth.actors import Caller, SignedIn
from backend.auth.credentials import Credentials
from backend.auth.errors import InvalidKey, ProjectNotFound, TooManyBadKeys
from backend.auth.last_use import LastUse
from backend.config import Settings
from backend.errors import NotSignedIn
from backend.instance import Instance
from backend.limits import rates
from backend.limits.rates import Policy
from backend.proxies import address_of
from backend.slow_clients import STREAMS

GUARDED: Final = "/v1/"
OPEN: Final = ("/v1/drive/signed/",)
"""Routes that carry their own proof in the path."""
SPOKEN_OF: Final = "/v1/drive/uploads"
"""Where clients ask by OPTIONS which protocol is spoken, before they bring a key."""
LOOK_EVERY_S: Final = 5.0
"""A stream whose key is revoked, or whose person is signed out or out of the project, ends with the first word after
so long."""


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
        if path.endswith(STREAMS):
            send = _while_valid(scope, send)
        # What waits or streams looks into the database each second, for as long as a job.
        with scope["app"].state.at_once.one(caller.user_id if isinstance(caller, SignedIn) else caller.id):
            await self._app(scope, receive, send)


def _while_valid(scope: Scope, send: Send) -> Send:
    """Sends on what is streamed for as long as the caller's credentials are valid, then ends the answer."""
    looked_at = time.monotonic()
    has_ended = False

    async def guarded(message: Message) -> None:
        nonlocal looked_at, has_ended
        if has_ended:
            return
        has_begun = message["type"] != "http.response.start"  # an answer cannot end before that
        if has_begun and time.monotonic() - looked_at >= LOOK_EVERY_S:
            looked_at = time.monotonic()
            has_ended = not await _is_valid(scope)
        await send({"type": "http.response.body", "body": b""} if has_ended else message)

    return guarded


async def _is_valid(scope: Scope) -> bool:
    """Whether the caller is still let in, and a person still in the project that the request names."""
    try:
        caller = await _authenticate(scope)
        if isinstance(caller, SignedIn):
            request = Request(scope)
            named = request.headers.get("x-puras-project") or request.query_params.get("project", "")
            async with scope["app"].state.instance.database.transaction() as session:
                await membership.act_in(session, caller, named)
    except (NotSignedIn, ProjectNotFound, TooManyBadKeys):
        return False
    except AWAY:
        return True  # nobody knows; the stream itself will notice that the database is away
    return True


async def _authenticate(scope: Scope) -> Caller:
    state = scope["app"].state
    instance: Instance = state.instance
    brought = Credentials.of(scope["method"], scope["path"], Headers(scope=scope), url=instance.settings.url)
    try:
        async with instance.database.reading() as reader:
            caller = await credentials.authenticate(reader, instance.vault, brought)
    except InvalidKey:
        await state.throttle.count_bad_key(address_of(scope))
        raise
    _note_use(state.last_use, caller)
    return caller


async def _count(scope: Scope, caller: Caller) -> None:
    """Count the request against the rates of its caller, which are none until somebody sets them."""
    state = scope["app"].state
    policies = policies_for(caller, state.instance.settings)
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
    own, of_project = caller.rates
    most = min(own, most_of_each) if own and most_of_each else own or most_of_each
    most_of_project = of_project or settings.project_requests_per_minute
    policies = [Policy("key", str(caller.id), most)] if most else []
    if most_of_project:
        policies.append(Policy("project", str(caller.project_id), most_of_project))
    return policies


def _note_use(last_use: LastUse, caller: Caller) -> None:
    if isinstance(caller, SignedIn):
        last_use.of_session(caller.session_id)
    elif caller.kind != "job":
        last_use.of_key(caller.id)
