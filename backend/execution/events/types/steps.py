"""Define the events of the durable steps of functions."""

from __future__ import annotations

from typing import ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class StepStartedEvent(Event):
    """A durable step started to run."""

    type: ClassVar[Literal["step_started"]] = "step_started"
    name: str
    """Name of the step."""
    kind: str
    """`step`, `sleep`, `event` (a wait for an event) or `emit`."""
    branch: str
    """The branch of `parallel` that runs the step; empty for the function itself."""
    position: int
    """Number of the step in its branch, from 1."""


@event_type
class StepFinishedEvent(Event):
    """A durable step ended, and its outcome is stored."""

    type: ClassVar[Literal["step_finished"]] = "step_finished"
    name: str
    """Name of the step."""
    kind: str
    """`step`, `sleep`, `event` (a wait for an event) or `emit`."""
    branch: str
    """The branch of `parallel` that ran the step; empty for the function itself."""
    position: int
    """Number of the step in its branch, from 1."""
    status: str
    """`finished` or `failed`."""
    duration_ms: float
    """Its duration, with all calls of the function and the pauses between them."""
    tries: int | Omitted = OMITTED
    """How often the function was called, if more than once."""
    error: str | Omitted = OMITTED
    """The error of a failed step."""
    event_id: str | Omitted = OMITTED
    """ID of the event that was received or sent."""
