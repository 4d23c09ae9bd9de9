"""Serve the common form of `POST /v1/jobs` without the routing, dependencies and serialization of FastAPI.

    Boundary ─ Gate ─ RequestTracing ─ FastJobRoute ─┬─ plain request ─ this module ──────┬─ wait.submit_and_wait
                                                     └─ any other ──── FastAPI ─ jobs.api ┘

A plain request comes from an API key and has a small, valid JSON body and no query parameters but `wait` and `timeout`.
Authentication, permissions, limits, submission and errors are the same code on both ways. FastAPI describes the route,
serves all other requests, and explains what is wrong with an invalid one; a test sends the same requests both ways.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.context import AppContext
from backend.core.http.exception_handlers import KNOWN, response_to
from backend.execution.jobs.api import submit_job
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec
from backend.execution.jobs.wait import DEFAULT_WAIT_S, MAX_WAIT_S, Wait, submit_and_wait
from backend.identity.auth import permissions
from backend.identity.auth.principal import AGENT_CLIENT, Principal

PATH: Final = "/v1/jobs"
MAX_BODY_BYTES: Final = 65_536
_ELSEWHERE: Final = frozenset({b"idempotency-key", b"transfer-encoding", b"content-encoding", b"expect"})
"""Headers of requests that FastAPI serves."""
_KEYS: Final = frozenset({"secret_key", "publishable_key"})
_PERMISSION: Final = permissions.of(submit_job)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class FastJobRoute:
    """ASGI middleware after authentication, which serves plain requests for jobs itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = Route(PATH, app)
        """The route in the scope, whose path metrics and spans read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a plain request, and pass on any other one."""
        wait_s = _wait_of_plain(scope)
        if wait_s is None:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        try:
            await permissions.authorize(scope, _PERMISSION)
            messages = await _read(receive)
            request = _parsed(messages)
            response = None if request is None else await self._submit(scope, request, wait_s)
        except KNOWN as error:
            response = response_to(error, scope["method"], scope["path"])
        if response is None:
            await self._app(scope, _replay(messages, receive), send)
        else:
            await response(scope, receive, send)

    async def _submit(self, scope: Scope, request: JobCreate, wait_s: float) -> Response:
        scope["route"] = self._route
        context: AppContext = scope["app"].state.context
        settings = context.settings
        spec = JobSpec(request).within(settings)
        job = await submit_and_wait(context, scope["state"]["principal"], spec, Wait(wait_s, scope))
        return Response(job.model_dump_json(), 201, media_type="application/json")


def _wait_of_plain(scope: Scope) -> float | None:
    """Return the seconds that a plain request waits; None for any other request."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return None
    caller = scope["state"]["caller"]
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    is_plain = (
        isinstance(caller, Principal)
        and caller.kind in _KEYS
        and len(headers) == len(scope["headers"])
        and headers.keys().isdisjoint(_ELSEWHERE)
        and headers.get(b"content-type") == b"application/json"
        and not headers.get(b"user-agent", b"").startswith(AGENT_CLIENT.encode())
        and length.isdigit()
        and int(length) <= MAX_BODY_BYTES
    )
    return _wait_s(scope["query_string"]) if is_plain else None


def _wait_s(query: bytes) -> float | None:
    """Return the time to wait of a valid query with `wait` and `timeout` only; None for any other query."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    values = dict(pairs)
    if len(values) != len(pairs) or not values.keys() <= {"wait", "timeout"}:
        return None
    does_wait = _BOOLEANS.get(values.get("wait", "false"))
    timeout = values.get("timeout", str(DEFAULT_WAIT_S))
    if does_wait is None or not _NUMBER.fullmatch(timeout):
        return None
    return min(float(timeout), MAX_WAIT_S) if does_wait else 0.0


async def _read(receive: Receive) -> list[Message]:
    """Return the messages of the body, which ends with a disconnect if the client has left."""
    messages = [await receive()]
    while messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _parsed(messages: list[Message]) -> JobCreate | None:
    """Return the request, parsed as FastAPI parses it; None if it is not valid."""
    try:
        return JobCreate.model_validate(
            json.loads(b"".join(message.get("body", b"") for message in messages))
        )
    except (ValueError, RecursionError):  # of `json`; the errors of pydantic are ValueErrors too
        return None


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """Return a `receive` that returns the messages again before further ones."""
    remaining = iter(messages)

    async def replay() -> Message:
        message = next(remaining, None)
        return await receive() if message is None else message

    return replay
