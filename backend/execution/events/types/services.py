"""Define the events of subjobs, media, web searches and graders."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class SubagentStartEvent(Event):
    """The job called another skill, which runs as a subjob."""

    type: ClassVar[Literal["subagent_start"]] = "subagent_start"
    label: str
    """The purpose of the call; by default the name of the skill."""
    job_id: str
    """ID of the job that was called."""
    skill: str
    """Name of the skill."""
    depth: int
    """The depth of the call."""
    tool_use_id: str | Omitted = OMITTED
    """ID of the call of a tool, if an agent called it."""
    durable_step: str | Omitted = OMITTED
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


@event_type
class SubagentEndEvent(Event):
    """A job that this job called has ended."""

    type: ClassVar[Literal["subagent_end"]] = "subagent_end"
    label: str
    """The purpose of the call; by default the name of the skill."""
    job_id: str
    """ID of the job that was called."""
    skill: str
    """Name of the skill."""
    status: str
    """`succeeded`, `failed` or `cancelled`."""
    used_micros: int
    """The usage of the subjob, in millionths of a dollar."""
    duration_ms: float
    """Its duration, including the time in the queue."""
    tool_use_id: str | Omitted = OMITTED
    """ID of the call of a tool, if an agent called it."""
    error_code: str | Omitted = OMITTED
    """The error code if it failed."""


@event_type
class MediaEvent(Event):
    """An image, a video, a recording or a transcript was generated."""

    type: ClassVar[Literal["media"]] = "media"
    verb: str
    """`image`, `video`, `audio` or `transcribe`."""
    model: str
    """Slug of the model."""
    kind: str
    """`image`, `video` or `audio`."""
    label: str
    """`local` if it was generated on this host without a model; otherwise empty."""
    drive_path: str | None
    """Path in the drive of the first file; `null`: a transcript has no file."""
    request_id: str
    """ID of the request at the provider; may be empty."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    media: list[dict[str, Any]]
    """All files, each with `drive_path` and `kind`."""
    duration_ms: float
    """Duration of the generation."""
    durable_step: str | Omitted = OMITTED
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


@event_type
class WebEvent(Event):
    """The code of a skill searched the web."""

    type: ClassVar[Literal["web"]] = "web"
    verb: str
    """`search`."""
    count: int
    """Number of results."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    durable_step: str | Omitted = OMITTED
    """The durable step of a function that made the call: `BRANCH:POSITION`."""


@event_type
class EvalsEvent(Event):
    """The graders of the skill scored the result."""

    type: ClassVar[Literal["evals"]] = "evals"
    score: int | None
    """0 to 100; `null` if every grader was skipped."""
    graders: list[dict[str, Any]]
    """The verdict of each grader: `name`, `kind`, `weight`, `score`, `passed`, `skipped`, `detail` and, if no
    model scored it, `label`."""
