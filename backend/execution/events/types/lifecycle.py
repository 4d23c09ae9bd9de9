"""Define the events of the lifecycle of a job: queue, attempts and end."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class QueuedEvent(Event):
    """The job was created and waits for a worker."""

    type: ClassVar[Literal["queued"]] = "queued"
    skill: str
    """Name of the skill."""
    version: int | None
    """Version of the deployment, or of the listing of another project; `null` without a deployment."""
    source: str
    """The origin of the job: `api`, `studio`, `schedule`, `replay`, `fork`, `subagent` and others."""


@event_type
class StartedEvent(Event):
    """A worker claimed the job and started an attempt."""

    type: ClassVar[Literal["started"]] = "started"
    attempt: int
    """Number of the attempt, from 1. A job that continues after a wait is in the same attempt."""
    worker: str
    """ID of the worker process."""


@event_type
class RequeuedEvent(Event):
    """The job returned to the queue, and another attempt follows."""

    type: ClassVar[Literal["requeued"]] = "requeued"
    reason: str
    """The reason: `drain`, `worker_lost`, `model_overloaded`, `wallet_empty` and others, or the error of an
    attempt that is retried, as `code: message`."""


@event_type
class WaitingEvent(Event):
    """The job waits without a worker: until a user decides, a time, an event, or the end of steps."""

    type: ClassVar[Literal["waiting"]] = "waiting"
    reason: str
    """The reason to wait: `approval`, `sleep`, `event`, or `steps` of a flow. Of several reasons of a flow, it is the
    first of approval, steps, event and sleep."""
    approvals: int
    """Number of pending approvals."""
    until: str | Omitted = OMITTED
    """When the job continues at the latest, if it sleeps or its wait for an event has a time limit."""


@event_type
class ResumedEvent(Event):
    """A later attempt of an agent resumed from the journal."""

    type: ClassVar[Literal["resumed"]] = "resumed"
    from_step: int
    """The last step that an earlier attempt completed."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds that the preparation took, by part: `load` (secrets, bundle, drive), `guardrails`, `packages`,
    `sandbox`, `tools` (and MCP servers) and `files` (of the inputs). Parts of less than 10 ms are missing."""


@event_type
class ForkedEvent(Event):
    """The job starts from a step of another job, with changes."""

    type: ClassVar[Literal["forked"]] = "forked"
    from_job_id: str
    """ID of the other job."""
    from_step: int
    """The step after which the jobs differ. Of a flow: the number of copied results."""
    first_step: str | Omitted = OMITTED
    """Of a flow: ID of the first step that runs again."""
    inputs: bool | Omitted = OMITTED
    """True: the inputs were replaced."""
    model: str | Omitted = OMITTED
    """Slug of the new model."""
    version: int | Omitted = OMITTED
    """The version of the skill that runs instead."""
    edits: list[dict[str, Any]] | Omitted = OMITTED
    """The edits: `what` is `arguments`, `result` or `text`, with the step and the position in it."""


@event_type
class ContinuedEvent(Event):
    """The job continues the conversation of a job that has ended."""

    type: ClassVar[Literal["continued"]] = "continued"
    from_job_id: str
    """ID of the other job."""


@event_type
class SucceededEvent(Event):
    """The job ended with a result. No event follows."""

    type: ClassVar[Literal["succeeded"]] = "succeeded"
    cost_micros: int | Omitted = OMITTED
    """The amount that the wallet paid, in millionths of a dollar."""
    forgiven_micros: int | Omitted = OMITTED
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """The usage of a subjob, in millionths of a dollar, which its parent pays; `cost_micros` is missing
    then."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


@event_type
class FailedEvent(Event):
    """The job ended without a result. No event follows."""

    type: ClassVar[Literal["failed"]] = "failed"
    error: str | None
    """A message for users: what happened, and how to fix it."""
    code: str | None
    """The error code, for programs."""
    cost_micros: int | Omitted = OMITTED
    """The amount that the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: int | Omitted = OMITTED
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """The usage of a subjob, in millionths of a dollar, which its parent pays."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


@event_type
class CancelledEvent(Event):
    """The job was canceled. No event follows."""

    type: ClassVar[Literal["cancelled"]] = "cancelled"
    by: str | Omitted = OMITTED
    """The user or API key that canceled the job, if it was not running."""
    error: str | Omitted | None = OMITTED
    """A message for users, if the job was running."""
    code: str | Omitted | None = OMITTED
    """The error code, for programs, if the job was running."""
    cost_micros: int | Omitted = OMITTED
    """The amount that the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: int | Omitted = OMITTED
    """The usage that is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """The usage of a subjob, in millionths of a dollar, which its parent pays."""
    phases: dict[str, float] | Omitted = OMITTED
    """Milliseconds since the end of the skill's code, by part: `store` (files of the result) and `grade`; if the code
    has not started, of the parts of the preparation. Parts of less than 10 ms are missing."""


EndEvent = SucceededEvent | FailedEvent | CancelledEvent
"""The last event of a job."""
