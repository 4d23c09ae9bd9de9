"""Store the outcomes of steps with the worker, and end the process when all branches wait."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from puras.durable.channel import Channel
from puras.durable.runtime import Outcome, Place, check_same

MAX_RESULT_BYTES = 1 << 20


class WorkerStore:
    """The steps of this job, which its worker stores in the database of the instance."""

    def __init__(self, channel: Channel) -> None:
        """Ask the worker which steps are stored."""
        self._channel = channel
        self._lock = threading.Lock()
        self._runnable = 1
        """The threads that do not wait for a time, an event or other branches."""
        self._waits: set[int] = set()
        """The requests of the threads that wait for a time or an event."""
        stored = channel.call("open")["steps"]
        self._stored = {(branch, position): rest for branch, position, *rest in stored}
        self._began: dict[tuple[str, int], float] = {}

    def status(self, place: Place) -> str | None:
        """Return `started`, `finished` or `failed`, if a step is stored at this place."""
        stored = self._stored.get((place.branch, place.position))
        if stored is None:
            return None
        name, kind, status = stored
        check_same(place, name, kind)
        return str(status)

    def outcome(self, place: Place) -> Outcome:
        """Return the stored outcome."""
        answer = self._channel.call("outcome", branch=place.branch, position=place.position)
        result = answer.get("result")
        return Outcome(None if result is None else json.loads(result), answer.get("failure"))

    def begin(self, place: Place, *, once: bool) -> None:
        """Record that a step starts; with `once`, the mark is stored first."""
        self._began[place.branch, place.position] = time.monotonic()
        if once:
            self._channel.call("begin", once=True, **place.fields())
        else:
            self._channel.post("begin", once=False, **place.fields())

    def finish(self, place: Place, *, result: str | None, error: dict[str, Any] | None, tries: int) -> None:
        """Store the outcome of a step: its result as JSON, or its error."""
        began = self._began.pop((place.branch, place.position))
        self._channel.call(
            "finish",
            **place.fields(),
            result=result,
            failure=error,
            tries=tries,
            duration_s=time.monotonic() - began,
        )

    def emit(self, place: Place, event_id: str | None, data: str) -> None:
        """Send an event, as a step: both are stored together."""
        self._channel.call("emit", **place.fields(), event_id=event_id or place.idempotency_key, data=data)

    def wait(self, place: Place, fields: dict[str, Any]) -> Any:
        """Wait until the end of a sleep, or for an event, and return the event.

        The worker may end this process meanwhile. The function then starts again, and this wait returns immediately.
        """
        with self._lock:
            number = self._channel.post("wait", **place.fields(), **fields)
            self._waits.add(number)
            self._runnable -= 1
            self._leave_if_idle()
        try:
            answer = self._channel.answer(number)
        finally:
            with self._lock:
                self._waits.discard(number)
                self._runnable += 1
        result = answer.get("result")
        return None if result is None else json.loads(result)

    def start_branches(self, count: int) -> None:
        """Count the threads of `parallel`, which the calling thread then waits for."""
        with self._lock:
            self._runnable += count - 1

    def end_branch(self, *, is_last: bool) -> None:
        """Count a thread of `parallel` that has ended; after the last one, the calling thread continues."""
        with self._lock:
            if not is_last:
                self._runnable -= 1
                self._leave_if_idle()

    def _leave_if_idle(self) -> None:
        if self._runnable == 0 and self._waits:
            self._channel.post("suspend", waits=sorted(self._waits))
