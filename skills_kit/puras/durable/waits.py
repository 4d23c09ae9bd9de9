"""Wait for a time or an event without a running process, and send events."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypedDict

from puras.durable.errors import EventTimeout, StepError
from puras.durable.runtime import Place, current_step, next_place
from puras.durable.steps import encode
from puras.durable.stores import store

MAX_WAIT_S = 366 * 86_400.0
_SCALARS = (str, int, float, bool, type(None))


class Event(TypedDict):
    """An event of the project, as `wait_for_event` returns it."""

    id: str
    type: str
    data: Any
    received_at: str


def sleep(seconds: float | timedelta | None = None, *, until: datetime | None = None) -> None:
    """Wait for a time without a process, a worker or reserved money; the function then starts again and continues here.

    The end of the sleep is computed once, with the clock of the database. Code in `finally` and `with` blocks around
    the call does not run when the process ends.

    Args:
        seconds: How long to sleep, up to 366 days.
        until: Sleep until this time instead. It needs a time zone.

    Raises:
        StepError: The arguments are not valid, or the call is inside of a step.
    """
    fields = _time_fields("sleep", seconds, until)
    if not fields:
        raise StepError("`sleep` needs a number of seconds or `until`.")
    _wait(_place("sleep", "sleep"), fields)


def wait_for_event(
    event_type: str,
    match: Mapping[str, str | float | bool | None] | None = None,
    *,
    timeout_s: float | timedelta | None = None,
) -> Event:
    """Wait for an event of the project, without a process, a worker or reserved money.

    The wait receives the first event that fits and was received after the job was submitted, also before this call. An
    event that an earlier wait of the same branch has received is skipped.

    Args:
        event_type: The type of the event, such as `invoice.paid`.
        match: Values that the data of the event must have, by their paths: `{"order.id": 7}`.
        timeout_s: The maximum time to wait. Default: no limit.

    Raises:
        EventTimeout: No event arrived in time.
        StepError: The arguments are not valid, or the call is inside of a step.
    """
    wanted = dict(match or {})
    for path, value in wanted.items():
        if not isinstance(path, str) or not path or not isinstance(value, _SCALARS):
            raise StepError(
                "`match` is a flat dictionary of paths in the data and the values that they must have, such as "
                f'{{"order.id": 7}}. It must not contain {path!r}: {value!r}.'
            )
    fields = _time_fields("wait_for_event", timeout_s, None)
    received = _wait(_place(event_type, "event"), {**fields, "match": wanted})
    if received is None:
        raise EventTimeout(f"No event {event_type!r} arrived within {fields.get('after_s', 0):g} s.")
    return Event(
        id=received["id"], type=received["type"], data=received["data"], received_at=received["received_at"]
    )


def emit_event(event_type: str, data: object = None, *, event_id: str | None = None) -> None:
    """Send an event to the project, as a step: it is sent once, whatever happens to the worker.

    Args:
        event_type: The type of the event, such as `import.done`.
        data: JSON data, up to 64 KiB.
        event_id: The ID by which the project recognizes duplicates. Default: the idempotency key of the step.

    Raises:
        StepError: The data is not JSON or too large, or the call is inside of a step.
    """
    place = _place(event_type, "emit")
    stored_at = store()
    if stored_at.status(place) is None:
        stored_at.emit(place, event_id, encode(event_type, data))


def _place(name: str, kind: str) -> Place:
    if current_step.get() is not None:
        raise StepError(
            "`sleep`, `wait_for_event` and `emit_event` are steps of their own, so they cannot be called in a step. "
            "Call them in the function, before or after the step."
        )
    store()  # reports where steps are not possible before the call is counted
    return next_place(name, kind)


def _wait(place: Place, fields: dict[str, Any]) -> Any:
    stored_at = store()
    if stored_at.status(place) == "finished":
        return stored_at.outcome(place).result
    return stored_at.wait(place, fields)


def _time_fields(
    what: str, seconds: float | timedelta | None, until: datetime | None
) -> dict[str, float | str]:
    if seconds is not None and until is not None:
        raise StepError(f"`{what}` accepts a number of seconds or a time, not both.")
    if until is not None:
        if not isinstance(until, datetime) or until.tzinfo is None:
            raise StepError(
                f"`until` is a datetime with a time zone, not {until!r}. Use datetime.timezone.utc."
            )
        return {"until": until.isoformat()}
    if seconds is None:
        return {}
    number = seconds.total_seconds() if isinstance(seconds, timedelta) else seconds
    if not isinstance(number, (int, float)) or isinstance(number, bool) or not math.isfinite(number):
        raise StepError(f"`{what}` needs a number of seconds, not {seconds!r}.")
    if number > MAX_WAIT_S:
        raise StepError(f"`{what}` waits for up to {MAX_WAIT_S:.0f} s (366 days), not {number:g}.")
    return {"after_s": max(0.0, float(number))}
