"""Open the span of a request, the root of the spans of its job. The middleware runs after authentication."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from backend.core.metrics.http import method_of, route_of, started_ns
from backend.core.tracing import spans, traceparent
from backend.identity.auth.actors import SignedIn

_TRUSTED: Final = frozenset({"secret_key", "system"})


class RequestTracing:
    """ASGI middleware that opens a span for each authenticated request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, inside a span if tracing is on."""
        caller = scope.get("state", {}).get("caller") if spans.is_on() else None
        if caller is None:
            await self._app(scope, receive, send)
            return
        method = method_of(scope)
        with spans.span(
            method, "server", parent=_parent(scope), at_ns=started_ns(scope), http__request__method=method
        ) as span:
            bind_contextvars(trace_id=traceparent.trace_id_of(span.traceparent))
            await self._app(scope, receive, _SpanRecordingSend(scope, send, span))


class _SpanRecordingSend:
    """Send messages, and record the status of the response in the span."""

    def __init__(self, scope: Scope, send: Send, span: spans.Span) -> None:
        self._scope = scope
        self._send = send
        self._span = span

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            route, status = route_of(self._scope), message["status"]
            self._span.rename(f"{method_of(self._scope)} {route}")
            self._span.note(http__route=route, http__response__status_code=status)
            if status >= 500:
                self._span.fail(str(status))
        await self._send(message)


def _parent(scope: Scope) -> str:
    """Return the `traceparent` of the request if the caller is trusted to set it, else an empty string.

    Publishable keys are public, and jobs run untrusted code: they could name a span in the trace of another user.
    """
    caller = scope["state"]["caller"]
    if isinstance(caller, SignedIn) or caller.kind in _TRUSTED:
        return traceparent.checked(Headers(scope=scope).get("traceparent", ""))
    return ""
