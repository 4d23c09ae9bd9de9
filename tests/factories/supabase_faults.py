"""Faults of a server: an error status, a delay, no response, or a dropped connection during a transfer."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Kind = Literal["status", "slow", "silent", "cut_answer", "cut_request"]


@dataclass(slots=True)
class Fault:
    """A fault for the next requests that match."""

    method: str
    path: str
    """A regular expression that is searched in the path."""
    kind: Kind
    times: int = 1
    status: int = 503
    """For `status`."""
    seconds: float = 0.0
    """For `slow`."""
    after_bytes: int = 1024
    """For `cut_answer` and `cut_request`."""
    met: int = 0


class FaultyHttp:
    """ASGI middleware that records every request and injects faults."""

    def __init__(self, app: ASGIApp, faults: list[Fault], requests: list[tuple[str, str]]) -> None:
        self._app = app
        self._faults = faults
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or fail."""
        self._requests.append((scope["method"], scope["path"]))
        fault = self._next(scope)
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "status":
            await _answer(receive, send, fault.status)
        elif fault.kind in ("slow", "silent"):
            await asyncio.sleep(fault.seconds if fault.kind == "slow" else 3600)
            await self._app(scope, receive, send)
        elif fault.kind == "cut_request":
            await _cut_request(receive, fault.after_bytes)
        else:
            await self._app(scope, receive, _cutting(send, fault.after_bytes))

    def _next(self, scope: Scope) -> Fault | None:
        for fault in self._faults:
            if fault.times and fault.method == scope["method"] and re.search(fault.path, scope["path"]):
                fault.times -= 1
                fault.met += 1
                return fault
        return None


class Cut(Exception):
    """The connection drops here."""


async def _answer(receive: Receive, send: Send, status: int) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"away"})


async def _cut_request(receive: Receive, after_bytes: int) -> None:
    received = 0
    while received < after_bytes:
        message = await receive()
        received += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    raise Cut


def _cutting(send: Send, after_bytes: int) -> Send:
    async def cutting(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "body": message["body"][:after_bytes], "more_body": True})
        raise Cut

    return cutting
