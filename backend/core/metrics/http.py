"""Count requests: ASGI middleware around the whole application."""

from __future__ import annotations

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.metrics.instruments import HTTP_REQUEST, HTTP_REQUESTS

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED: Final = "unmatched"


class RequestMetrics:
    """ASGI middleware that counts each request under the template of its route, never under its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it when its response has ended, also after an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["puras.began_ns"] = time.time_ns()
        status = 499  # unless a response starts: the client has disconnected

        async def record_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        start = time.perf_counter()
        try:
            await self._app(scope, receive, record_status)
        except Exception:
            status = 500 if status == 499 else status
            raise
        finally:
            _count(scope, status, time.perf_counter() - start)


def method_of(scope: Scope) -> str:
    """Return the method of the request, or `other` for a method that HTTP does not define."""
    return scope["method"] if scope["method"] in _METHODS else "other"


def started_ns(scope: Scope) -> int | None:
    """Return when the request arrived, in nanoseconds of the wall clock."""
    started: int | None = scope.get("puras.began_ns")
    return started


def route_of(scope: Scope) -> str:
    """Return the template of the route, such as `/v1/jobs/{job_id}`, or `unmatched` if no route matches."""
    of_included = scope.get("fastapi", {}).get("effective_route_context")  # where FastAPI keeps the prefixes
    route = of_included or scope.get("route")
    return getattr(route, "path_format", "") or UNMATCHED


def _count(scope: Scope, status: int, took_s: float) -> None:
    method, route = method_of(scope), route_of(scope)
    HTTP_REQUESTS.labels(method, route, status).inc()
    HTTP_REQUEST.labels(method, route).observe(took_s)
