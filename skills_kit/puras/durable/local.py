"""Run steps without a job, in tests and notebooks: nothing is stored, and waits need stub events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from puras.durable.errors import StepError
from puras.durable.runtime import Outcome, Place

_MISSING = object()
_lock = threading.Lock()
_events: list[dict[str, Any]] = []


def stub_event(event_type: str, data: object = None, *, event_id: str = "stub") -> None:
    """Provide an event for the next fitting `wait_for_event` in this process, for tests and notebooks.

    A running job ignores it and waits for the events of its project.
    """
    event = {
        "id": event_id,
        "type": event_type,
        "data": json.loads(json.dumps(data)),
        "received_at": datetime.now(UTC).isoformat(),
    }
    with _lock:
        _events.append(event)


class LocalStore:
    """Stores nothing: every call of a step runs its function."""

    def status(self, place: Place) -> str | None:
        """Return None."""
        return None

    def outcome(self, place: Place) -> Outcome:
        """Raise an error, since no step is stored."""
        raise StepError(f"Step {place.name!r} is not stored.")

    def begin(self, place: Place, *, once: bool) -> None:
        """Do nothing."""

    def finish(self, place: Place, *, result: str | None, error: dict[str, Any] | None, tries: int) -> None:
        """Do nothing."""

    def emit(self, place: Place, event_id: str | None, data: str) -> None:
        """Provide the event for the waits of this process."""
        stub_event(place.name, json.loads(data), event_id=event_id or place.idempotency_key)

    def wait(self, place: Place, fields: dict[str, Any]) -> Any:
        """Sleep in this process, or return the first stub event that fits."""
        if place.kind == "sleep":
            until = fields.get("until")
            seconds = fields.get("after_s")
            if until is not None:
                seconds = (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds()
            time.sleep(max(0.0, seconds or 0.0))
            return None
        with _lock:
            for number, event in enumerate(_events):
                if event["type"] == place.name and _fits(fields["match"], event["data"]):
                    return _events.pop(number)
        raise StepError(
            f"There is no event {place.name!r} that fits, since this process runs no job. In a test, provide one "
            f"before: puras.stub_event({place.name!r}, {{…}})"
        )

    def start_branches(self, count: int) -> None:
        """Do nothing."""

    def end_branch(self, *, is_last: bool) -> None:
        """Do nothing."""


def _fits(match: Mapping[str, Any], data: Any) -> bool:
    return all(_value(data, path) == wanted for path, wanted in match.items())


def _value(data: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(data, list) and part.isdecimal() and int(part) < len(data):
            data = data[int(part)]
        elif isinstance(data, dict) and part in data:
            data = data[part]
        else:
            return _MISSING
    return data
