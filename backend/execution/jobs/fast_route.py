"""Serve `POST /v1/jobs` of callers whose key and skill this process remembers, with one statement.

    Boundary ─ FastJobRoute ─┬─ plain request with a remembered key and skill ─ this module ─┬─ wait.submit_and_wait
                             └─ any other one ─ Gate ─ RequestTracing ─ FastAPI ─ jobs.api ──┘

A plain request comes from an API key and has a small, valid JSON body and no query parameters but `wait` and `timeout`.
The statement that submits the job compares the configuration stamp of the project: if it has changed since the key and
the skill were remembered, or if anything else speaks against the request, nothing is stored, and the request goes the
other way, as if this one did not exist. Both ways use the same code for permissions, limits, submission and errors, and
a test sends the same requests both ways. FastAPI describes the route and explains what is wrong with a request.
"""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.context import AppContext
from backend.core.errors import PurasError
from backend.core.http.exception_handlers import KNOWN, response_to
from backend.execution.jobs.api import submit_job
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, Outdated
from backend.execution.jobs.wait import DEFAULT_WAIT_S, MAX_WAIT_S, Wait, submit_and_wait
from backend.identity.auth import gate, permissions, recent_keys
from backend.identity.auth.credentials import JOB_TOKEN_HEADER
from backend.identity.auth.principal import AGENT_CLIENT, Principal
from backend.identity.auth.recent_keys import RecentKey
from backend.identity.auth.request_tracing import RequestTracing
from backend.skills.deployments import recent_skills
from backend.skills.deployments.active import ResolvedSkill

PATH: Final = "/v1/jobs"
MAX_BODY_BYTES: Final = 65_536
_ELSEWHERE: Final = frozenset(
    {b"idempotency-key", b"transfer-encoding", b"content-encoding", b"expect", JOB_TOKEN_HEADER.encode()}
)
"""Headers of requests that FastAPI serves."""
_BEARER: Final = b"Bearer "
_PERMISSION: Final = permissions.of(submit_job)
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


class _Remembered(NamedTuple):
    """A plain request, and what this process remembers about its caller and its skill."""

    request: JobCreate
    wait_s: float
    principal: Principal
    skill: ResolvedSkill


class FastJobRoute:
    """ASGI middleware before authentication, which serves plain requests of remembered callers itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = Route(PATH, app)
        """The route in the scope, whose path metrics and spans read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a plain request of a remembered caller, and pass on any other one."""
        wait_s = _wait_of_plain(scope)
        key = None if wait_s is None else _remembered_key(scope)
        if wait_s is None or key is None:
            await self._app(scope, receive, send)
            return
        messages: list[Message] = []
        scope.setdefault("state", {})["caller"] = key.principal
        try:
            async with AsyncExitStack() as stack:
                await _admit(stack, scope, key.principal)
                messages += await _read(receive)
                remembered = _remembered(key, _parsed(messages), wait_s)
                await RequestTracing(partial(self._serve, remembered))(scope, receive, send)
            return
        except Outdated:
            _forget_caller(scope)
        await self._app(scope, _replay(messages, receive), send)

    async def _serve(self, remembered: _Remembered, scope: Scope, receive: Receive, send: Send) -> None:
        """Submit the job and send the response.

        Raises:
            Outdated: Nothing was submitted or sent.
        """
        scope["route"] = self._route
        context: AppContext = scope["app"].state.context
        principal = remembered.principal
        spec = JobSpec(remembered.request, remembered=remembered.skill).within(context.settings)
        try:
            job = await submit_and_wait(context, principal, spec, Wait(remembered.wait_s, scope))
            response = Response(job.model_dump_json(), 201, media_type="application/json")
        except KNOWN as error:
            response = response_to(error, scope["method"], scope["path"])
        gate.note_use(scope, principal)
        await response(scope, receive, send)


def _forget_caller(scope: Scope) -> None:
    """Remove from the scope what it would not contain if this route did not exist."""
    for name in ("caller", "principal", "permission"):
        scope["state"].pop(name, None)
    scope.pop("route", None)


def _wait_of_plain(scope: Scope) -> float | None:
    """Return the seconds that a plain request waits; None for any other request."""
    if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
        return None
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    is_plain = (
        len(headers) == len(scope["headers"])
        and headers.keys().isdisjoint(_ELSEWHERE)
        and headers.get(b"content-type") == b"application/json"
        and not headers.get(b"user-agent", b"").startswith(AGENT_CLIENT.encode())
        and length.isdigit()
        and int(length) <= MAX_BODY_BYTES
    )
    return _wait_s(scope["query_string"]) if is_plain else None


def _remembered_key(scope: Scope) -> RecentKey | None:
    """Return the key of a plain request, if this process remembers it."""
    authorization = dict(scope["headers"]).get(b"authorization", b"")
    return (
        recent_keys.find(authorization.removeprefix(_BEARER).decode("latin-1"))
        if authorization.startswith(_BEARER)
        else None
    )


async def _admit(stack: AsyncExitStack, scope: Scope, principal: Principal) -> None:
    """Check the permission and the limits of the caller, and hold one of its slots until the end of the stack.

    Raises:
        Outdated: One of them rejects the request.
    """
    try:
        await permissions.authorize(scope, _PERMISSION)
        await stack.enter_async_context(gate.admitted(scope, principal))
    except PurasError as error:
        raise Outdated from error


def _remembered(key: RecentKey, request: JobCreate | None, wait_s: float) -> _Remembered:
    """Return a valid request for a skill that is remembered with the same configuration as the key.

    Raises:
        Outdated: The request is another one.
    """
    if request is None or request.skill is None or request.environment is not None:
        raise Outdated
    skill = recent_skills.find(key.principal, request.skill, key.stamp)
    if skill is None:
        raise Outdated
    return _Remembered(request, wait_s, key.principal, skill)


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
    """Return the request, parsed as FastAPI parses it; None if it is not valid or complete."""
    if messages[-1]["type"] == "http.disconnect":
        return None
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
