"""Types of the responses, as typed dicts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NotRequired, TypedDict

Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
"""Final statuses of a job."""
_SIMULATED: Final = "rehearsal"
"""The label of jobs and suites that use the simulated model `puras/rehearsal`."""


def label_text(label: str) -> str:
    """Return the label of a job or a suite as it is displayed."""
    return "simulated" if label == _SIMULATED else label


Environment = Literal["development", "staging", "production"]
FailureState = Literal["open", "resolved", "ignored"]


class EnvironmentState(TypedDict):
    """An environment with the active version of a skillpack. Responses can have more fields."""

    environment: Environment
    active: dict[str, Any] | None
    """The active version, with its `version` and `id`; None if there is none."""
    previous: dict[str, Any] | None
    """The version that a rollback activates."""


class PromotionCheck(TypedDict):
    """A check of a promotion. Responses can have more fields."""

    name: str
    state: Literal["passed", "warning", "pending"]
    message: str


class Promotion(TypedDict):
    """What a promotion would change. Responses can have more fields."""

    environment: Environment
    source: Environment | None
    head: dict[str, Any]
    """The version that would become active."""
    base: dict[str, Any] | None
    """The version that is active now."""
    is_active: bool
    """Whether there is nothing to promote."""
    diff: dict[str, Any] | None
    """The changed files and skills; None if no version is active."""
    checks: list[PromotionCheck]


class Approval(TypedDict):
    """A call of an agent, or a step of a flow, that needs a decision. Responses can have more fields."""

    id: str
    job_id: str
    tool: str
    input: dict[str, Any]
    """The arguments as the agent requests them."""
    input_schema: dict[str, Any] | None
    """JSON Schema of the arguments; None: they cannot be changed."""
    arguments: dict[str, Any] | None
    """The arguments with which the reviewer has replaced them."""
    status: Literal["pending", "approved", "denied", "expired", "cancelled"]
    reason: str
    expires_at: str
    skill: str
    environment: str
    session_id: str | None
    message: str | None
    """Text of the step of a flow; None for the call of an agent."""
    show: Any
    """Data that the step of a flow shows to the reviewer."""
    form_json_schema: dict[str, Any] | None
    """JSON Schema of the values that a step of a flow needs."""


class Job(TypedDict):
    """A job. Responses can have more fields."""

    id: str
    status: Status
    skill_name: str
    inputs: dict[str, Any]
    result: Any
    """The result of the skill; None before the job has succeeded."""
    error: str | None
    error_code: NotRequired[str | None]
    outputs: NotRequired[list[dict[str, Any]]]
    """The files of the result, each with a URL that is valid for an hour."""
    project_id: NotRequired[str]
    skillpack_id: NotRequired[str | None]
    deployment_id: NotRequired[str | None]
    deployment_version: NotRequired[int | None]
    parent_job_id: NotRequired[str | None]
    type: NotRequired[str]
    waiting_reason: NotRequired[str | None]
    attempt: NotRequired[int]
    steps: NotRequired[int]
    usage: NotRequired[dict[str, Any]]
    simulated: NotRequired[bool]
    simulation: NotRequired[str | None]
    cost_micros: NotRequired[int]
    """Millionths of a dollar."""
    cost_usd: NotRequired[float]
    eval_score: NotRequired[int | None]
    source: NotRequired[str]
    environment: NotRequired[Environment]
    metadata: NotRequired[dict[str, Any]]
    created_at: NotRequired[str]
    started_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]


class JobStep(TypedDict):
    """A step of a flow, an element of one, or a durable step of a function. Responses can have more fields."""

    name: str
    """ID of the step in the flow.yaml, or name of the durable step."""
    kind: str
    status: Literal["pending", "running", "waiting", "succeeded", "failed", "skipped", "cancelled"]
    position: int
    """Number of the step, from 1."""
    item: NotRequired[int | None]
    """Position of the element, from 0, if this is an element of a step with `for_each`."""
    elements: NotRequired[dict[str, int | None] | None]
    """Of a step with `for_each`: the numbers of elements by their status."""
    parent: NotRequired[str | None]
    tries: int
    is_copied: NotRequired[bool]
    """Whether the result was copied from the job that this job is a fork of."""
    result: Any
    has_long_result: NotRequired[bool]
    """Whether the result is left out: read it with the name of the step, or from the job of the step."""
    error: str | None
    child_job_id: NotRequired[str | None]
    """The newest job of the step of a flow."""
    cost_micros: NotRequired[int | None]
    started_at: str | None
    finished_at: str | None


class Event(TypedDict):
    """An event of a job."""

    id: NotRequired[int]
    """Its number within the job, from 1 without gaps; a `delta` has none."""
    job_id: str
    ts: NotRequired[str]
    type: str
    payload: dict[str, Any]


class ProjectEvent(TypedDict):
    """An event of a project, for which jobs wait."""

    id: str
    type: str
    data: Any
    sent_by: str
    received_at: str


class ChatSession(TypedDict):
    """A conversation with an agent. Responses can have more fields."""

    id: str
    skill: str
    version: int | None
    title: str
    metadata: dict[str, Any]
    message_count: int
    cost_micros: int
    """Millionths of a dollar, of all turns."""
    running_job_id: str | None
    end_user: NotRequired[str | None]
    environment: NotRequired[Environment]
    is_draft: NotRequired[bool]
    """All turns run the draft as it was when the session was created."""
    created_at: NotRequired[str]
    updated_at: NotRequired[str]


class SentMessage(TypedDict):
    """A message that was sent."""

    message_id: str
    job_id: str
    turn: int


class ChatMessage(TypedDict):
    """A message of the user, or the reply of the agent."""

    id: str
    """A reply has the ID of its job."""
    turn: int
    role: Literal["user", "assistant"]
    job_id: str
    content: list[dict[str, Any]]
    """Blocks: `{"type": "text", "text": …}`, and files."""
    result: Any
    """For a reply: the result of the job."""
    status: Status
    interrupted: bool
    error: str | None
    error_code: str | None
    cost_micros: int


class SessionEvent(TypedDict):
    """A message of a session, an event of one of its jobs, or text that a model writes."""

    id: NotRequired[str]
    """Its position, such as `3.17`; a `delta` has none."""
    type: str
    """`message`, `delta`, or the type of an event."""
    turn: int
    job_id: str
    payload: dict[str, Any]
    """Of a message: the `ChatMessage`."""


class CostEstimate(TypedDict):
    """The expected cost of one run of a skill."""

    skill: str
    basis: Literal["jobs", "prompt", "free", "unknown"]
    """Its recent jobs, or the length of its prompt."""
    explanation: str
    """The basis as text."""
    expected_micros: int | None
    """In millionths of a dollar, like the others; None if unknown."""
    p95_micros: int | None
    """95 percent of the jobs cost at most this; None without jobs."""
    max_micros: int
    """The limit of one run."""
    jobs: int
    """The number of jobs on which the estimate is based."""
    model: str | None
    prompt_tokens: int | None
    reply_tokens: int | None


class Failure(TypedDict):
    """An error of failed jobs, with its state. Responses can have more fields."""

    error_signature: str
    """The value of `error_signature` of its jobs."""
    skill_name: str
    error_code: str
    message: str
    """The error message without what differs from job to job."""
    frame: str
    """The innermost place in the code of the skill; empty if none of its code failed."""
    first_seen_at: str
    first_version: int | None
    state: FailureState
    is_regressed: bool
    """Whether the error was resolved, and is open because a job has failed with it since."""
    returned_at: str | None
    state_changed_at: str | None
    state_changed_by: str
    note: str
    fixed_in_version: int | None
    ignored_until: str | None
    ignored_jobs: int | None


class FailureCluster(Failure):
    """Jobs that failed for the same reason. Responses can have more fields."""

    jobs: int
    share: float
    """Of all failed jobs of the period, from 0 to 1."""
    last_seen_at: str
    is_new: bool
    """Whether the error did not occur before the period."""
    versions: list[int]
    environments: list[Environment]
    example_job_id: str
    trend: list[int]


class Failures(TypedDict):
    """The failed jobs of a period, grouped by the reason. Responses can have more fields."""

    since: str
    until: str
    failed: int
    ungrouped: int
    open: int
    resolved: int
    ignored: int
    total_clusters: int
    clusters: list[FailureCluster]


class Feedback(TypedDict):
    """A rating of a job."""

    job_id: str
    rating: int
    comment: str
    given_by: str


class JobOptions(TypedDict, total=False):
    """Options of a job in addition to its inputs."""

    model: str
    """Another model for an agent."""
    limits: Mapping[str, Any]
    """Lower limits than those of the skill: `steps`, `tokens`, `cost_usd`, `timeout_s`, `memory_mb`, `output_mb`."""
    priority: int
    """Order in the queue of the project; higher first."""
    lane: str
    run_at: datetime | str
    """The earliest start."""
    metadata: Mapping[str, Any]
    """Your own data, which is stored with the job."""
    source: str
    """Your own name for the source of the job."""
    environment: Environment
    """An API key can only name its own, which is the default."""
    listing_id: str
    """A marketplace listing instead of a skill."""
