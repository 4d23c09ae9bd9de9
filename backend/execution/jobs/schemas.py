"""Requests and responses of the routes of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, computed_field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, ClosedSchema, ErrorCode, Text
from backend.execution.jobs.status import Status
from backend.identity.environments import Environment
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS
from backend.skills.job_limits import JobLimits

MAX_NAME = 200


class JobCreate(ClosedSchema):
    """Body of `POST /v1/jobs`."""

    skill: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """Name of the skill: `resize`, or `skillpack/resize`."""
    listing_id: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """ID or slug of a marketplace listing to run instead of a skill. The query parameter `version` is then a version
    of the listing."""
    prompt: Text | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    """Instead of a skill: a task for an agent with the built-in tools."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Validated against the skill's `input_schema`, whose defaults are filled in. A prompt accepts any inputs."""
    source: Text = Field(default="api", min_length=1, max_length=64)
    """A label of your choice for the origin of the job. `GET /v1/jobs` filters by it."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Order within the queue of the project; higher numbers run first."""
    lane: Text | None = Field(default=None, max_length=64)
    """Group of workers that runs the job. Default: the lane of the skill, otherwise `default`."""
    limits: JobLimits = Field(default_factory=JobLimits)
    """Limits below those of the skill."""
    model: Text | None = Field(default=None, max_length=MAX_NAME)
    """A model to use instead of the one that an agentic skill names."""
    run_at: datetime | None = None
    """The earliest time at which the job starts, at most 365 days ahead. Publishable keys cannot set it."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Metadata of your choice, returned with the job."""
    environment: Environment | None = None
    """The environment whose active version and secrets the job uses. An API key can only name its own, which is the
    default; for users, the default is `production`."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if sum(one is not None for one in (self.skill, self.listing_id, self.prompt)) != 1:
            raise ValueError(
                "Give exactly one of `skill` (the name of a skill), `listing_id` (a listing of the marketplace) and "
                "`prompt` (a task for an agent)"
            )
        return self


class Answer(Schema):
    """A response about a job."""


class OutputRead(Answer):
    """A file of a result."""

    name: str
    """The field of the result that names the file: `thumbnail`, `pages[0].image`."""
    drive_path: str
    size_bytes: int
    mime: str
    url: str | None
    """A signed URL that needs no key and expires after an hour. For a caller without the scope `drive:read` it returns
    only the version that the job wrote, and is `null` if the file was replaced since."""
    url_unavailable_reason: str | None = None
    """The reason why `url` is `null`."""


class JobFeedback(Answer):
    """The rating of a job by one user."""

    given_by: str
    """The end user, otherwise the signed-in user or the API key."""
    rating: int
    """-1, 0 or 1."""
    comment: str


class JobRead(Answer):
    """A job."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    skillpack_id: UUID
    deployment_id: UUID | None
    """The deployment, pinned at submission; `null` for a prompt without a skillpack, and for a run of another project's
    listing."""
    deployment_version: int | None
    """`null` for a draft, and for a run of another project's listing, which has `listing_version`."""
    parent_job_id: UUID | None
    """For a subjob: its parent."""
    replay_of: UUID | None
    """The job whose inputs this job repeats."""
    session_id: UUID | None = None
    """The session whose turn the job is."""
    listing_id: UUID | None
    """The marketplace listing that the job, or the job that called it, runs."""
    listing: str
    """Slug of the listing; empty without a listing."""
    listing_version: int | None
    price_micros: int
    """Price of the listing, charged in addition to the usage if the job succeeds."""
    type: Literal["agentic", "deterministic", "flow", "kernel"]
    skill_name: str
    """`@inline` for a prompt, `@notebook` for the kernel of a notebook, `flow:step` for a prompt or function of a
    flow."""
    prompt: str | None
    """The prompt, if the job was submitted with one."""
    model: str | None
    """The language model that was requested instead of the one that the skill names."""
    status: Status
    """`succeeded`, `failed` and `cancelled` are final."""
    waiting_reason: str | None
    """The reason why a queued or waiting job does not run yet."""
    inputs: dict[str, Any]
    """The inputs, with the defaults of the skill's `input_schema`."""
    result: Any
    """The result of the skill, valid for its `output_schema`; `null` until the job succeeds. A turn of a conversation
    with an agent can also end with a text (`/v1/openai`)."""
    outputs: list[dict[str, Any]] = Field(json_schema_extra={"items": OutputRead.model_json_schema()})
    """The files that the result names, each with a new signed URL."""
    error: str | None
    """The error message, for users."""
    error_code: ErrorCode | None
    """The error code, for programs."""
    error_signature: str | None = None
    """For a failed job: what it has in common with jobs that failed for the same reason."""
    attempt: int
    """Number of attempts: 1, and one more after each lost worker, retry or return to the queue. A job that continues
    after a wait, such as a flow after a step, is in the same attempt."""
    steps: int
    """For an agent: the number of replies of the model so far."""
    usage: dict[str, Any]
    """The usage of the job: seconds, memory, tokens."""
    simulated: bool
    """True: no language model ran; the simulation `puras/rehearsal` replied. Of a flow: in a step of it."""
    simulation: str | None
    """For a simulated job: the source of its result, for display with the result. `null` for other jobs."""
    cost_micros: int
    """The amount charged for the job and its subjobs, in millionths of a dollar."""
    cost_usd: float
    subjob_cost_micros: int
    """The part of `cost_micros` that is for subjobs. To add up costs, skip the jobs that have `billed_to_job_id`."""
    billed_to_job_id: UUID | None
    """For a subjob: the job whose bill includes it. It costs nothing until that job ends."""
    used_micros: int
    """The price of what the job and its subjobs have used so far. A job that succeeds within its cap costs this."""
    forgiven_micros: int
    """The part of `used_micros` that was not charged because the job failed or was canceled."""
    eval_score: int | None
    """0 to 100, from the skill's evals."""
    feedback: list[dict[str, Any]] = Field(json_schema_extra={"items": JobFeedback.model_json_schema()})
    source: str
    """The origin of the job: `api`, `studio`, `cli`, `replay`, or a label of the caller."""
    priority: int
    lane: str
    environment: Environment
    """The environment whose active version, secrets and budgets apply to the job."""
    limits: dict[str, Any]
    """The limits that the request set."""
    metadata: dict[str, Any]
    """The metadata of the request."""
    submitted_by: str
    """The user or the API key that submitted the job."""
    created_at: datetime
    started_at: datetime | None
    """When the first attempt started. The time until `finished_at` includes pauses, such as waits for approvals."""
    finished_at: datetime | None

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def called_cost_micros(self) -> int:
        """The former name of `subjob_cost_micros`. Removed in 0.3."""
        return self.subjob_cost_micros

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def paid_with(self) -> UUID | None:
        """The former name of `billed_to_job_id`. Removed in 0.3."""
        return self.billed_to_job_id


class FeedbackCreate(ClosedSchema):
    """Body of `POST /v1/jobs/{id}/feedback`."""

    rating: int = Field(ge=-1, le=1)
    """-1: bad, 0: neither, 1: good."""
    comment: Text | None = Field(default=None, max_length=4000)
    end_user_id: Text | None = Field(default=None, min_length=1, max_length=200)
    """ID of the user of your application who rates the job. Each user has one rating per job."""


class FeedbackRead(JobFeedback):
    """The current rating of a job by one user."""

    job_id: UUID
    updated_at: datetime
