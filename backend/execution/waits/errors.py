"""Errors of events of projects."""

from __future__ import annotations

from backend.core.errors import Conflict, TooLarge


class EventIdUsed(Conflict):
    """Another event of the project has this ID."""

    code = "event_id_used"
    message = (
        "The project has received another event with the ID {event_id!r}, with another type or other data. Send each "
        "event with an ID of its own."
    )
    event_id: str


class EventTooLarge(TooLarge):
    """The data of an event is too large."""

    code = "event_too_large"
    message = (
        "The data of the event has {size_bytes} bytes as JSON, and its limit is {max_bytes}. Save large data in the "
        "drive and send its path."
    )
    size_bytes: int
    max_bytes: int
