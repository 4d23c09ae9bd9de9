"""Limit connections of clients that are slow or send too much, before they are authenticated.

uvicorn limits neither the time nor the size of the head of a request, nor the time for the rest of a body that the
application does not read. This module limits them. `middleware` sets a minimum speed for bodies that are read.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0
"""Time for the request line and the headers; browsers need far less on any connection."""
LINGER_S: Final = 5.0
"""Time for the rest of a request after its response: an immediate disconnect could lose the response."""
MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 64 * 1024
"""Cookies of other applications on the same host are the largest part."""
STREAMS: Final = "/stream"
"""End of the paths whose responses continue as long as a job."""


class HeadTooLarge(Exception):
    """The head has more headers or more bytes than a valid client sends."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 with limits for everything that happens before and after the application."""

    _head_bytes = 0
    _is_in_head = True
    _is_head_too_large = False
    _ignores_input = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Start the timeout for the first request."""
        super().connection_made(transport)
        self._close_in(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        self._stop_timeout()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse the data; reject a head that is too large."""
        if self._ignores_input:
            return
        super().data_received(data)
        if self._is_in_head and not self._ignores_input:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._reject_head()

    def on_message_begin(self) -> None:
        """Start the timeout of a head."""
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0
        self._close_in(HEAD_S)

    def on_headers_complete(self) -> None:
        """Pass the request to the application, if its head is not too large."""
        self._is_in_head = False
        self._stop_timeout()
        size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MAX_HEADERS or size_bytes > MAX_HEAD_BYTES:
            self._is_head_too_large = True
            raise HeadTooLarge  # the parser stops here, and calls `send_400_response`
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Start the timeout for the rest of the request, if its body is not complete."""
        super().on_response_complete()
        if self.cycle.more_body and not self.pipeline:
            self._close_in(LINGER_S)

    def on_message_complete(self) -> None:
        """Start the timeout for the next request, if this one already has its response."""
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._close_in(self.timeout_keep_alive)

    def handle_websocket_upgrade(self) -> None:
        """Stop the timeout: the limits of HTTP requests do not apply to a WebSocket."""
        self._stop_timeout()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """Stop: end a stream now, since its client resumes it elsewhere, and let other responses finish."""
        super().shutdown()
        if self.cycle is not None and self.cycle.scope["path"].endswith(STREAMS):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Respond with an error of the API to a request that cannot be parsed, and disconnect."""
        if self._is_head_too_large:
            self._reject_head()
        else:
            self._disconnect(
                "400 Bad Request",
                "malformed",
                f"{msg} Send HTTP/1.1; only a proxy in front of the API supports TLS.",
            )

    def _reject_head(self) -> None:
        self._disconnect(
            "431 Request Header Fields Too Large",
            "head_too_large",
            f"The head of the request is too large. The maximum is {MAX_HEADERS} headers and "
            f"{MAX_HEAD_BYTES // 1024} KiB in total. Send fewer headers, and large data in the body.",
        )

    def _disconnect(self, status: str, code: str, detail: str) -> None:
        body = json.dumps({"detail": detail, "code": code}).encode()
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._ignores_input = True
        self._close_in(LINGER_S)

    def _close_in(self, seconds: float) -> None:
        self._stop_timeout()
        self._deadline = self.loop.call_later(seconds, self._close)

    def _stop_timeout(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        is_responding = self.cycle is not None and not self.cycle.response_complete
        if is_responding and not self._ignores_input:
            self._close_in(HEAD_S)  # the response to the previous request is being sent
        else:
            self.transport.close()
