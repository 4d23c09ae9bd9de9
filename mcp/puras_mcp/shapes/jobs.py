"""Define jobs, their events and their spans."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut, Part
from puras_mcp.shapes.base import Shape


class Approval(Shape):
    """A call of an agent, or a step of a flow, that awaits approval."""

    id: str
    tool: str
    input: dict[str, Any]
    status: str
    reason: str
    expires_at: str
    input_schema: dict[str, Any] | None = None
    """JSON Schema of `input`; null: the arguments cannot be changed."""
    arguments: dict[str, Any] | None = None
    """The arguments with which the user has replaced `input`."""
    skill: str = ""
    environment: str = ""
    form_json_schema: dict[str, Any] | None = None
    """JSON Schema of the values that the user enters, which `approve` takes as `form`."""
    reviewers: list[str] = Field(default_factory=list)
    """E-mail addresses and roles of those who may decide; empty: everyone who may decide approvals."""
    may_decide: bool = True
    """Whether `approve` may decide it with this key."""


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


class Failure(Shape):
    """An error of failed jobs, with its state."""

    error_signature: str
    skill_name: str
    error_code: str
    message: str
    """The error message without what differs from job to job."""
    frame: str
    """The innermost place in the code of the skill; empty if none of its code failed."""
    first_seen_at: str
    first_version: int | None
    state: str
    """open, resolved or ignored."""
    is_regressed: bool
    """Whether it was resolved, and is open because a job has failed with it since."""
    state_changed_by: str
    note: str
    fixed_in_version: int | None
    """Of a resolved error: failures of earlier versions do not open it again; null: every failure does."""
    ignored_until: str | None
    ignored_jobs: int | None


class FailureCluster(Failure):
    """Jobs that failed for the same reason."""

    jobs: int
    share: float
    """Of all failed jobs of the period, from 0 to 1."""
    last_seen_at: str
    is_new: bool
    """Whether the error did not occur before the period."""
    versions: list[int]
    example_job_id: str


class Failures(Shape):
    """The failed jobs of a period, grouped by their error."""

    since: str
    failed: int
    open: int
    resolved: int
    ignored: int
    total_clusters: int
    clusters: list[FailureCluster]


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


class Step(Shape):
    """A step of a flow, an element of one, or a durable step of a function."""

    name: str
    kind: str
    status: str
    parent: str | None
    """The step that contains this one."""
    item: int | None
    """Position of the element, from 0."""
    elements: dict[str, int | None] | None
    """Numbers of elements by their status. To read them, pass the `name` as `step`."""
    tries: int
    is_copied: bool
    """The result is from the job that this job is a fork of."""
    is_edited: bool
    result: Any
    """The result; long texts and lists in it are shortened. The job `child_job_id` has the whole result."""
    has_long_result: bool
    """The result is left out."""
    error: str | None
    child_job_id: str | None
    """The newest job of the step, for `get_job`."""
    cost_micros: int | None
    started_at: str | None
    finished_at: str | None


class Steps(Shape):
    """Steps of a job in their order."""

    steps: list[Step]
    next_cursor: str | None
    """Pass it as `cursor` for more; null: there are none."""


class Span(Shape):
    """A step of a job: a model call, a tool call, an attempt."""

    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    started_at: str
    duration_ms: float | None
    attributes: Any


class ModelCall(Shape):
    """The input of a model call, as it was sent, and the reply."""

    model: str | None
    max_tokens: int | None
    system: str
    """The system prompt."""
    tools: Any
    """The tools that the model could call."""
    messages: Any
    """The last messages of the conversation; long texts in them are shortened."""
    first_message: int
    """Position of the first one of them. If it is not 0, pass it as `before` for earlier messages."""
    message_count: int
    reply: Any
    """null: the model has not replied."""
    notes: list[str]
    """Differences from the request that was sent."""
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened values."""


class Spans(Shape):
    """Steps of a job, by start time."""

    spans: list[Span]
    next_offset: int | None
    """Pass it as `offset` for more; null: there are none."""
    total: int
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened attributes."""
