"""Follow the events of a job as server-sent events, and continue after a disconnect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPException
from typing import Final, NamedTuple

from puras.client.errors import ServerError, TooManyRequests
from puras.client.messages import Request
from puras.client.shapes import Event
from puras.client.transport import Opened, Transport, pause_s

_SILENCE_S: Final = 45.0
"""The maximum time without a heartbeat (every 15 s) before the connection counts as broken."""


class _Frame(NamedTuple):
    id: int | None
    event: str
    data: str


class EventStream(Iterator[Event]):
    """The events of a job in order, each exactly once, until its end. Close it to stop earlier.

    Raises when iterated:
        NoResponse: The connection broke, and no retry succeeded.
        PurasAPIError: The server rejected the request.
    """

    def __init__(self, transport: Transport, job_id: str, *, after: int, deltas: bool) -> None:
        self.last_id = after
        """Number of the last returned event."""
        self._transport = transport
        self._job_id = job_id
        self._deltas = deltas
        self._opened: Opened | None = None
        self._failures = 0
        self._closed = threading.Event()
        self._reading = threading.Lock()

    def __next__(self) -> Event:
        try:
            with self._reading:
                while not self._closed.is_set():
                    frame = self._next_frame()
                    event = None if frame is None else self._taken(frame)
                    if event is not None:
                        return event
        finally:
            if self._closed.is_set():
                self._drop()
        raise StopIteration

    def close(self) -> None:
        """Stop from any thread. A thread that waits for the next event gets the end of the stream."""
        self._closed.set()
        if (opened := self._opened) is not None:
            opened.disconnect()
        if self._reading.acquire(blocking=False):  # otherwise the reading thread cleans up
            self._drop()
            self._reading.release()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _taken(self, frame: _Frame) -> Event | None:
        """Return the event of the frame; None if it is not new."""
        self._failures = 0
        if frame.event == "end":
            self._closed.set()
        elif frame.event == "delta":
            if self._deltas:
                return Event(job_id=self._job_id, type="delta", payload=json.loads(frame.data))
        elif frame.id is not None and frame.id > self.last_id:
            self.last_id = frame.id
            event: Event = json.loads(frame.data)
            return event
        return None

    def _next_frame(self) -> _Frame | None:
        """Return the next complete frame; None after a disconnect and the pause that follows it."""
        try:
            if self._opened is None:
                self._opened = self._open()
            return _frame(self._opened)
        except (OSError, HTTPException, ValueError) as error:
            self._drop()
            self._pause(error)
        except (TooManyRequests, ServerError) as busy:
            self._pause(busy)
        return None

    def _open(self) -> Opened:
        opened = self._transport.open(
            Request(
                "GET",
                f"/v1/jobs/{self._job_id}/stream",
                headers={"Accept": "text/event-stream", "Last-Event-ID": str(self.last_id)},
                timeout_s=_SILENCE_S,
            )
        )
        if self._closed.is_set():
            opened.disconnect()
        return opened

    def _drop(self) -> None:
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _pause(self, error: Exception) -> None:
        if self._closed.is_set():
            return
        if self._failures >= len(self._transport.pauses_s):
            if isinstance(error, TooManyRequests | ServerError):
                raise error
            raise self._transport.no_response(error) from error
        self._closed.wait(pause_s({}, self._transport.pauses_s[self._failures]))
        self._failures += 1


def _frame(opened: Opened) -> _Frame:
    """Return the next frame with data.

    Raises:
        HTTPException: The connection broke before the end of the frame.
    """
    number, event, data = None, "message", []
    while True:
        raw = opened.response.readline()
        if not raw.endswith(b"\n"):
            raise HTTPException("the connection broke before the end of the stream")
        name, _, value = raw.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            number = int(value)
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif not name and not value and raw.strip() == b"" and data:
            return _Frame(number, event, "\n".join(data))
