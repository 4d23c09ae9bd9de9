"""Authenticate and rate-limit every request under `/v1/` before its body is read.

The middleware runs before the router, so that a route that does not declare its principal is protected too.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.config import Settings
from backend.context import AppContext
from backend.core.errors import PurasError, Unavailable
from backend.core.http.client_ip import address_of
from backend.core.http.exception_handlers import ServersUnavailable, formatted
from backend.core.http.request_limits import STREAMS
from backend.identity.auth import credentials, permissions
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.credentials import Credentials
from backend.identity.auth.errors import InvalidKey
from backend.identity.auth.last_use import LastUse
from backend.identity.auth.rate_limits import requests
from backend.identity.auth.rate_limits.requests import Policy, Remaining

AUTHENTICATED_PREFIX: Final = "/v1/"
SELF_AUTHENTICATED_PREFIXES: Final = ("/v1/drive/signed/", "/v1/shared-job")
"""Routes whose path contains the credential, or that check the token of a link."""
UPLOAD_DISCOVERY_PREFIX: Final = "/v1/drive/uploads"
"""Clients query the supported upload protocol here with OPTIONS, before they send a key."""
RECHECK_INTERVAL_S: Final = 5.0
"""Time after which the next message of a streamed response checks the permission of the caller again. The response ends
when the key was revoked or lost the scope, or when the user signed out, left the project or has a lower role."""


class Gate:
    """ASGI middleware that authenticates every request under `/v1/` and stores its caller in the scope."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate the request and pass it on.

        Raises:
            NotSignedIn: The request has no valid credentials.
            TooManyBadKeys: Its IP address has sent too many invalid keys.
            RateExceeded: The key or its project has sent too many requests.
            TooManyConcurrentRequests: The caller has the maximum number of concurrent requests.
        """
        path: str = scope["path"] if scope["type"] == "http" else ""
        is_discovery = path.startswith(UPLOAD_DISCOVERY_PREFIX) and scope["method"] == "OPTIONS"
        if (
            not path.startswith(AUTHENTICATED_PREFIX)
            or path.startswith(SELF_AUTHENTICATED_PREFIXES)
            or is_discovery
        ):
            await self._app(scope, receive, send)
            return
        caller = scope.setdefault("state", {})["caller"] = await _authenticate(scope)
        send = _while_valid(scope, send)
        with suppress(_ResponseAborted):
            async with admitted(scope, caller):
                await self._app(scope, receive, send)


@asynccontextmanager
async def admitted(scope: Scope, caller: Caller) -> AsyncIterator[None]:
    """Count the request against the limits of its caller, and hold one of its slots for open requests.

    A waiting or streaming request polls the database every second, for as long as the job runs.

    Raises:
        RateExceeded: The key or its project has sent too many requests.
        TooManyConcurrentRequests: The caller has the maximum number of concurrent requests.
    """
    await _count(scope, caller)
    caller_id = caller.user_id if isinstance(caller, SignedIn) else caller.id
    with scope["app"].state.open_requests.slot(caller_id):
        yield


class _ResponseAborted(Exception):
    """Abort an incomplete response; the server closes the connection, so that the client notices."""


def _while_valid(scope: Scope, send: Send) -> Send:
    """Return a `send` that ends a streamed response when the caller loses the permission of the route.

    The last frame of an event stream is `event: error` with the code and the detail of the reason. Any other response,
    such as an export or a file, is aborted, because a regular end would make it look complete.
    """
    checked_at = time.monotonic()
    has_ended = False
    is_event_stream = False
    is_single_response = not scope["path"].endswith(STREAMS)  # an upload or a waiting call

    async def guarded(message: Message) -> None:
        nonlocal checked_at, has_ended, is_event_stream
        if has_ended:
            return
        has_started = message["type"] != "http.response.start"  # a response cannot end before its start
        if not has_started:
            content_type = Headers(raw=message["headers"]).get("content-type", "")
            is_event_stream = content_type.startswith("text/event-stream")
            checked_at = time.monotonic() if is_single_response else checked_at
        if has_started and time.monotonic() - checked_at >= RECHECK_INTERVAL_S:
            checked_at = time.monotonic()
            reason = await _reason_to_end(scope)
            if reason is not None:
                has_ended = True
                if not is_event_stream:
                    raise _ResponseAborted
                message = {"type": "http.response.body", "body": _frame(reason, scope["path"])}
        await send(message)

    return guarded


def _frame(reason: PurasError, path: str) -> bytes:
    body = {"code": reason.code, "detail": reason.detail}
    data = json.dumps(formatted(reason.status, body, path).body)
    return f"event: error\ndata: {data}\n\n".encode()


async def check_again(scope: Scope) -> None:
    """Check again that the caller of a request in progress may make it.

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
    presented = Credentials.of(scope["method"], scope["path"], Headers(scope=scope), url=context.settings.url)
    try:
        async with context.database.reading() as reader:
            caller = await credentials.authenticate(reader, context.vault, presented)
    except InvalidKey:
        await state.throttle.count_bad_key(address_of(scope))
        raise
    note_use(scope, caller)
    return caller


async def _count(scope: Scope, caller: Caller) -> None:
    """Count the request, once against each rate limit of its caller; by default there are none."""
    state = scope["app"].state
    policies = policies_for(caller, state.context.settings)
    if policies:
        counts: dict[Policy, Remaining] = scope["state"].setdefault("counts", {})
        new = await state.rates.count([policy for policy in policies if policy not in counts])
        counts.update((remaining.policy, remaining) for remaining in new)
        counted = [counts[policy] for policy in policies]
        scope["state"]["answer_headers"] = requests.headers(counted)
        requests.reject_exceeded(counted)


def policies_for(caller: Caller, settings: Settings) -> list[Policy]:
    """Return the rate limits that a request of the caller counts against.

    A job has none here: the request that created it was counted, and its calls have limits of their own.
    """
    per_caller_limit = settings.key_requests_per_minute
    if isinstance(caller, SignedIn):
        return [Policy("person", str(caller.user_id), per_caller_limit)] if per_caller_limit else []
    if caller.kind == "job":
        return []
    key_limit, operator_limit, project_limit = caller.rates
    key_maximum = (
        min(key_limit, per_caller_limit) if key_limit and per_caller_limit else key_limit or per_caller_limit
    )
    instance_limit = operator_limit or settings.project_requests_per_minute
    project_maximum = min(filter(None, (instance_limit, project_limit)), default=None)
    policies = [Policy("key", str(caller.id), key_maximum)] if key_maximum else []
    if project_maximum:
        policies.append(Policy("project", str(caller.project_id), project_maximum))
    return policies


def note_use(scope: Scope, caller: Caller) -> None:
    """Note when the key or the session of the caller was last used."""
    last_use: LastUse = scope["app"].state.last_use
    if isinstance(caller, SignedIn):
        last_use.of_session(caller.session_id)
    elif caller.kind != "job":
        last_use.of_key(caller.id)
