"""Events of the life of a job: from the queue through its attempts to its end."""

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
    """Where the job comes from: `api`, `studio`, `schedule`, `replay`, `fork`, `subagent` and others."""


@event_type
class StartedEvent(Event):
    """A worker claimed the job and started an attempt."""

    type: ClassVar[Literal["started"]] = "started"
    attempt: int
    """Number of the attempt, from 1."""
    worker: str
    """ID of the worker process."""


@event_type
class RequeuedEvent(Event):
    """The job went back to the queue, and another attempt follows."""

    type: ClassVar[Literal["requeued"]] = "requeued"
    reason: str
    """Why: `drain`, `worker_lost`, `model_overloaded`, `wallet_empty` and others, or the error of an attempt that is
    retried, as `code: message`."""


@event_type
class WaitingEvent(Event):
    """The job waits without a worker until a person decides."""

    type: ClassVar[Literal["waiting"]] = "waiting"
    reason: str
    """What it waits for: `approval`."""
    approvals: int
    """How many approvals are pending."""


@event_type
class ResumedEvent(Event):
    """A later attempt of an agent resumed from the journal."""

    type: ClassVar[Literal["resumed"]] = "resumed"
    from_step: int
    """The last step that an earlier attempt completed."""


@event_type
class ForkedEvent(Event):
    """The job starts from a step of another job, with changes."""

    type: ClassVar[Literal["forked"]] = "forked"
    from_job_id: str
    """ID of the other job."""
    from_step: int
    """The step after which the jobs differ."""
    inputs: bool | Omitted = OMITTED
    """True: the inputs were replaced."""
    model: str | Omitted = OMITTED
    """Slug of the new model."""
    version: int | Omitted = OMITTED
    """The version of the skill that runs instead."""
    edits: list[dict[str, Any]] | Omitted = OMITTED
    """What was edited: `what` is `arguments`, `result` or `text`, with the step and the place in it."""


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
    """What the wallet paid, in millionths of a dollar."""
    forgiven_micros: int | Omitted = OMITTED
    """What was used and is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """What the job used, in millionths of a dollar, when the job that called it pays; `cost_micros` is missing then."""


@event_type
class FailedEvent(Event):
    """The job ended without a result. No event follows."""

    type: ClassVar[Literal["failed"]] = "failed"
    error: str | None
    """What happened and what to do, for people."""
    code: str | None
    """The error code, for programs."""
    cost_micros: int | Omitted = OMITTED
    """What the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: int | Omitted = OMITTED
    """What was used and is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """What the job used, in millionths of a dollar, when the job that called it pays."""


@event_type
class CancelledEvent(Event):
    """The job was canceled. No event follows."""

    type: ClassVar[Literal["cancelled"]] = "cancelled"
    by: str | Omitted = OMITTED
    """Who canceled it, when it was not running."""
    error: str | Omitted | None = OMITTED
    """What happened, for people, when the job was running."""
    code: str | Omitted | None = OMITTED
    """The error code, for programs, when the job was running."""
    cost_micros: int | Omitted = OMITTED
    """What the wallet paid, in millionths of a dollar; present if the job used anything."""
    forgiven_micros: int | Omitted = OMITTED
    """What was used and is not charged, in millionths of a dollar; present if it is not zero."""
    used_micros: int | Omitted = OMITTED
    """What the job used, in millionths of a dollar, when the job that called it pays."""


EndEvent = SucceededEvent | FailedEvent | CancelledEvent
"""The last event of a job."""
