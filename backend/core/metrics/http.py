"""Counting requests: ASGI middleware around everything that the API answers."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.metrics.instruments import HTTP_REQUEST, HTTP_REQUESTS

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED: Final = "unmatched"


class Counted:
    """ASGI middleware that counts each request under the template of its route, never under its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and count it when its answer has ended, however it ends."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["puras.began_ns"] = time.time_ns()
        status = 499  # whoever asked has gone before there was an answer

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = time.perf_counter()
        try:
            await self._app(scope, receive, noting)
        except Exception:
            status = 500 if status == 499 else status
            raise
        finally:
            _count(scope, status, time.perf_counter() - began)


def method_of(scope: Scope) -> str:
    """Return the request's method; one that HTTP does not know is `other`."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def began_ns(scope: Scope) -> int | None:
    """When the request came, in nanoseconds of the wall clock."""
    came: int | None = scope.get("puras.began_ns")
    return came


def route_of(scope: Scope) -> str:
    """`/v1/jobs/{job_id}`, with the prefixes of all routers; what no route has is `unmatched`."""
    chosen = scope.get("fastapi", {}).get("effective_route_context")  # where FastAPI keeps the prefixes
    template = getattr(chosen, "path_format", "") or getattr(scope.get("route"), "path", "")
    return template or UNMATCHED


def _count(scope: Scope, status: int, took_s: float) -> None:
    method, route = method_of(scope), route_of(scope)
    HTTP_REQUESTS.labels(method, route, status).inc()
    HTTP_REQUEST.labels(method, route).observe(took_s)
