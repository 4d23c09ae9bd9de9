"""Follow the events of a job as server-sent events, and continue after a disconnect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPException
from typing import Final, NamedTuple, Self, TypeVar

from puras.client.errors import ServerError, TooManyRequests
from puras.client.messages import Request
from puras.client.shapes import Event
from puras.client.transport import Opened, Transport, pause_s

_SILENCE_S: Final = 45.0
"""The maximum time without a heartbeat (every 15 s) before the connection counts as broken."""


class Frame(NamedTuple):
    """A server-sent event."""

    id: str | None
    event: str
    data: str


Item = TypeVar("Item")


class FrameStream(Iterator[Item]):
    """The frames of a stream in order, each exactly once. After a disconnect, it continues after the last ID."""

    def __init__(self, transport: Transport, path: str, last_id: str) -> None:
        self._last_frame = last_id
        self._transport = transport
        self._path = path
        self._opened: Opened | None = None
        self._failures = 0
        self._closed = threading.Event()
        self._reading = threading.Lock()

    def __next__(self) -> Item:
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _of(self, frame: Frame) -> Item | None:
        """Return the item of a frame; None if the frame has none, or is not new."""
        raise NotImplementedError

    def _taken(self, frame: Frame) -> Item | None:
        self._failures = 0
        if frame.event == "end":
            self._closed.set()
            return None
        item = self._of(frame)
        if frame.id is not None:
            self._last_frame = frame.id
        return item

    def _next_frame(self) -> Frame | None:
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
                self._path,
                headers={"Accept": "text/event-stream", "Last-Event-ID": self._last_frame},
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


class EventStream(FrameStream[Event]):
    """The events of a job in order, each exactly once, until its end. Close it to stop earlier.

    Raises when iterated:
        NoResponse: The connection broke, and no retry succeeded.
        PurasAPIError: The server rejected the request.
    """

    def __init__(self, transport: Transport, job_id: str, *, after: int, deltas: bool) -> None:
        super().__init__(transport, f"/v1/jobs/{job_id}/stream", str(after))
        self.last_id = after
        """Number of the last returned event."""
        self._job_id = job_id
        self._deltas = deltas

    def _of(self, frame: Frame) -> Event | None:
        if frame.event == "delta":
            if self._deltas:
                return Event(job_id=self._job_id, type="delta", payload=json.loads(frame.data))
        elif frame.id is not None and int(frame.id) > self.last_id:
            self.last_id = int(frame.id)
            event: Event = json.loads(frame.data)
            return event
        return None


def _frame(opened: Opened) -> Frame:
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
            number = value
        elif name == "event":
            event = value
        elif name == "data":
            data.append(value)
        elif not name and not value and raw.strip() == b"" and data:
            return Frame(number, event, "\n".join(data))
