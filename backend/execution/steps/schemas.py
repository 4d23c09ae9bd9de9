"""The response of the route that lists the steps of a job."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema

MAX_LISTED_RESULT_BYTES: Final = 64 << 10
"""Maximum size of a result in a list, as JSON."""

StepStatus = Literal["pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"]


class ElementCounts(Schema):
    """The number of elements of a step with `for_each`, by their status."""

    total: int | None
    """Number of elements; `null` until the step has ended."""
    running: int
    """Started elements that have not ended."""
    succeeded: int
    failed: int
    cancelled: int


class JobStepRead(Schema):
    """A step of a flow, an element of one, or a durable step of a function."""

    name: str
    """ID of the step in the flow.yaml. Of a durable step its name; of a wait for an event, the type of the event."""
    title: str | None = None
    """Label of a step of a flow."""
    kind: Literal[
        "step",
        "sleep",
        "event",
        "emit",
        "skill",
        "prompt",
        "python",
        "switch",
        "parallel",
        "approval",
        "wait",
    ]
    """What the step does. Durable steps: `step`, `sleep`, a wait for an `event`, or an event that was sent (`emit`)."""
    status: StepStatus
    """`pending`: a flow has not reached the step."""
    parent: str | None = None
    """Of a flow: ID of the `switch` or `parallel` that contains the step."""
    block: str | None = None
    """Of a flow: the part of `parent` that contains the step, such as `switch[0]`, `default` or `parallel[1]`."""
    reads: list[str] = Field(default_factory=list)
    """Of a flow: IDs of the steps whose results the step reads."""
    branch: str = ""
    """The branch of `parallel` that ran a durable step; empty for the function itself, and for flows."""
    position: int
    """Number of the step in the flow or in the branch, from 1."""
    occurrence: int = 1
    """Counts the durable steps with this name in the branch, from 1."""
    item: int | None = None
    """Position of the element, from 0, if this is an element of a step with `for_each`."""
    elements: ElementCounts | None = None
    """Of a step with `for_each`: how many elements have which status. The parameter `step` lists them."""
    attempt: int | None = None
    """The attempt of the job that stored a durable step; 0: it was copied from another job."""
    tries: int
    """How often a durable step has called its function, or how many jobs a step of a flow has started."""
    is_copied: bool = False
    """Whether the result was copied from the job that this job is a fork of. It costs nothing."""
    is_edited: bool = False
    """Whether the fork replaced the result of the step of a flow."""
    result: Any
    """The result; of a wait for an event, the event, or `null` after its time limit."""
    has_long_result: bool = False
    """Whether the result has more than 64 KiB and is left out. The parameter `step` returns it, or the job of the
    step, `child_job_id`."""
    error: str | None = None
    """The error of a failed step."""
    error_code: str | None = None
    """The error code of a failed step of a flow."""
    child_job_id: UUID | None = None
    """The newest job of the step of a flow. Of a copied step, that of the original flow."""
    child_status: str | None = None
    """The status of that job."""
    cost_micros: int | None = None
    """Of a flow: the price of what the jobs of the step have used for this job, in millionths of a dollar."""
    started_at: datetime | None
    """When the step started. A copied step has the times of the original one."""
    finished_at: datetime | None
    """When its outcome was stored."""
    wake_at: datetime | None = None
    """When a wait ends, if it has a time."""
