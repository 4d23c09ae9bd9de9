"""Define jobs, their events and their spans."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut, Part
from puras_mcp.shapes.base import Shape


class Approval(Shape):
    """A call that awaits approval."""

    id: str
    tool: str
    input: dict[str, Any]
    status: str
    reason: str
    expires_at: str


class SentEvent(Shape):
    """An event of the project."""

    id: str
    type: str
    received_at: str


class Job(Shape):
    """A job of a skill."""

    id: str
    skill_name: str
    status: Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
    waiting_reason: str | None
    """Why the job does not run, for example a limit, the wallet or an approval."""
    type: str
    deployment_version: int | None
    model: str | None
    error: str | None
    error_code: str | None
    steps: int
    cost_usd: float
    created_at: str
    started_at: str | None
    finished_at: str | None


class JobDetail(Job):
    """A job with its inputs and result."""

    inputs: Any
    result: Any
    outputs: list[dict[str, Any]]
    """Files of the result, each with a temporary `url`, or the reason why there is none."""
    approvals: list[Approval] = Field(default_factory=list)
    """Calls that a user must approve or reject with `approve` before the job continues."""
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened values: `get_job` with `path` and `offset` returns the rest."""
    part: Part | None = None
    """The part that `path` and `offset` selected."""
    next: str = ""
    """The next step."""


class Jobs(Shape):
    """Jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None
    """Pass it as `cursor` for older jobs; null: there are none."""


class Event(Shape):
    """An event of a job."""

    id: int
    type: str
    ts: str
    payload: Any


class Tail(Shape):
    """The events of a job since a cursor."""

    job: JobDetail
    events: list[Event]
    next_cursor: int
    """Pass it as `after` to continue from here."""
    timed_out: bool
    """The job has not ended in time, or the response was full."""


class Span(Shape):
    """A step of a job: a model call, a tool call, an attempt."""

    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    started_at: str
    duration_ms: float | None
    attributes: Any


class Spans(Shape):
    """Steps of a job, by start time."""

    spans: list[Span]
    next_offset: int | None
    """Pass it as `offset` for more; null: there are none."""
    total: int
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened attributes."""
