"""Jobs, what has happened to them, and where their time went."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut, Part
from puras_mcp.shapes.base import Shape


class Approval(Shape):
    """A call that a person has to decide on."""

    id: str
    tool: str
    input: dict[str, Any]
    status: str
    reason: str
    expires_at: str


class Job(Shape):
    """A run of a skill."""

    id: str
    skill_name: str
    status: Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
    waiting_reason: str | None
    """Why it is not running: a limit, the wallet, an approval."""
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
    """A run with what went in and what came out."""

    inputs: Any
    result: Any
    outputs: list[dict[str, Any]]
    """Files of the result, each with a `url` that opens it for a while, or the reason why it has none."""
    approvals: list[Approval] = Field(default_factory=list)
    """Calls that a person has to decide on with `approve` before the job goes on."""
    cuts: list[Cut] = Field(default_factory=list)
    """Where values were cut to fit: `get_job` with a `path` and an `offset` gives the rest."""
    part: Part | None = None
    """The stretch that `path` and `offset` asked for."""
    next: str = ""
    """What to do now."""


class Jobs(Shape):
    """Jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None
    """Give it as `cursor` for older ones; null when there are none."""


class Event(Shape):
    """A fact about a job."""

    id: int
    type: str
    ts: str
    payload: Any


class Tail(Shape):
    """What has happened to a job since a cursor."""

    job: JobDetail
    events: list[Event]
    next_cursor: int
    """Give it as `after` to go on from here."""
    timed_out: bool
    """The job had not ended when the time was over, or the answer was full."""


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
    """Steps of a job, in the order in which they began."""

    spans: list[Span]
    next_offset: int | None
    """Give it as `offset` for more; null when there are none."""
    total: int
    cuts: list[Cut] = Field(default_factory=list)
    """Where attributes were cut to fit."""
