"""Connections of clients that are slow, or send too much, before they have said who they are.

uvicorn waits for the end of a request's head however long it takes and however large it grows, and for the rest of a
body that nobody reads. Here each has an end; a body that somebody reads is held to a least speed in `boundary`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0  # for the request line and the headers, which take a browser far less on any line
LINGER_S: Final = 5.0  # for the rest of what is answered already: cut at once, the answer might be lost
MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 64 * 1024  # cookies of other apps on the same host are the largest part
STREAMS: Final = "/stream"  # how the addresses end whose answers go on for as long as a job


class HeadTooLarge(Exception):
    """The head has more headers, or more bytes, than any honest one."""


class BoundedHttp(HttpToolsProtocol):
    """HTTP/1.1 with an end to everything that happens before and after the application."""

    _head_bytes = 0
    _is_in_head = True
    _is_head_too_large = False
    _is_deaf = False
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Wait for the first request."""
        super().connection_made(transport)
        self._close_in(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; refuse a head that grows without end."""
        if self._is_deaf:
            return
        super().data_received(data)
        if self._is_in_head and not self._is_deaf:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse_head()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0
        self._close_in(HEAD_S)

    def on_headers_complete(self) -> None:
        """The head is whole: hand it to the application, if it is not too large."""
        self._is_in_head = False
        self._stop_waiting()
        size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if len(self.headers) > MAX_HEADERS or size_bytes > MAX_HEAD_BYTES:
            self._is_head_too_large = True
            raise HeadTooLarge  # the parser stops here, and calls `send_400_response`
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The answer is out: whoever is still sending has not long to finish."""
        super().on_response_complete()
        if self.cycle.more_body and not self.pipeline:
            self._close_in(LINGER_S)

    def on_message_complete(self) -> None:
        """The request is whole; when it was answered before, the connection waits for the next one."""
        super().on_message_complete()
        if self.cycle is not None and self.cycle.response_complete:
            self._close_in(self.timeout_keep_alive)

    def handle_websocket_upgrade(self) -> None:
        """The connection is a socket from now on, which has its own rules."""
        self._stop_waiting()
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """The server stops: a stream ends now, since its reader goes on later; any other answer may be finished."""
        super().shutdown()
        if self.cycle is not None and self.cycle.scope["path"].endswith(STREAMS):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Say in the API's own shape what cannot be read, and hang up."""
        if self._is_head_too_large:
            self._refuse_head()
        else:
            self._hang_up(
                "400 Bad Request", "malformed", f"{msg} Send HTTP/1.1, and TLS only to a proxy in front."
            )

    def _refuse_head(self) -> None:
        self._hang_up(
            "431 Request Header Fields Too Large",
            "head_too_large",
            f"The head of the request is too large: at most {MAX_HEADERS} headers, {MAX_HEAD_BYTES // 1024} KiB in "
            "all, are taken. Send fewer; what is large belongs into the body.",
        )

    def _hang_up(self, status: str, code: str, detail: str) -> None:
        body = json.dumps({"detail": detail, "code": code}).encode()
        head = (
            f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "x-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._is_deaf = True
        self._close_in(LINGER_S)

    def _close_in(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self._close)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _close(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and not self._is_deaf:
            self._close_in(HEAD_S)  # an answer to the request before is on its way
        else:
            self.transport.close()
