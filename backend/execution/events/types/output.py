"""Define the events of output, progress and deleted files."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class LogEvent(Event):
    """A piece of the job's output, or a message of the system about it."""

    type: ClassVar[Literal["log"]] = "log"
    stream: str
    """`stdout` and `stderr`: printed text, which may be cut anywhere; `log`: a call of `puras.log`; `system`."""
    text: str
    """The text."""
    level: str | Omitted = OMITTED
    """`debug`, `info`, `warning` or `error`."""
    fields: dict[str, Any] | Omitted = OMITTED
    """Additional fields that the skill passed to `puras.log`."""
    durable_step: str | Omitted = OMITTED
    """The durable step that has called `puras.log`: `BRANCH:POSITION`."""


@event_type
class ProgressEvent(Event):
    """The skill reported its progress."""

    type: ClassVar[Literal["progress"]] = "progress"
    fraction: float | None
    """From 0 to 1; `null`: unknown."""
    text: str
    """The current activity; may be empty."""


@event_type
class DriveDeletedEvent(Event):
    """The skill deleted a file or folder of the drive."""

    type: ClassVar[Literal["drive_deleted"]] = "drive_deleted"
    path: str
    """Path in the drive, without `drive/`."""
