"""What is said about jobs over REST: how one is asked for, and how one is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.schemas import ErrorCode, Text
from backend.execution.jobs.status import Status
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS
from backend.skills.job_limits import JobLimits

MAX_NAME = 200


class JobCreate(BaseModel):
    """Body of `POST /v1/jobs`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    skill: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """Name of the skill: `resize`, or `skillpack/resize`."""
    listing_id: Text | None = Field(default=None, min_length=1, max_length=MAX_NAME)
    """In the place of a skill: a listing of the marketplace, by its id or slug. The query's `version` is then one of
    the listing's."""
    prompt: Text | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    """In the place of a skill: what an agent with the built-in tools is to do."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Checked against the skill's `input_schema`; its defaults are filled in. A prompt takes any."""
    source: Text = Field(default="api", min_length=1, max_length=64)
    """A word of the caller's own for where the job comes from; jobs can be listed by it."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Order within the project's own queue; higher first."""
    lane: Text | None = Field(default=None, max_length=64)
    """Group of workers; default: the skill's, else `default`."""
    limits: JobLimits = Field(default_factory=JobLimits)
    """Narrower than the skill's own."""
    model: Text | None = Field(default=None, max_length=MAX_NAME)
    """Another model for an agentic skill."""
    run_at: datetime | None = None
    """Not before this time, at most 365 days ahead; not for publishable keys."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Anything of the caller's own, given back with the job."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if sum(one is not None for one in (self.skill, self.listing_id, self.prompt)) != 1:
            raise ValueError(
                "Give either `skill`, the name of one, `listing_id`, one of the marketplace, or `prompt`, what an "
                "agent is to do"
            )
        return self


class Answer(BaseModel):
    """What is told about a job."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class OutputRead(Answer):
    """A file of a result."""

    name: str
    """Where the result names it: `thumbnail`, `pages[0].image`."""
    drive_path: str
    size_bytes: int
    mime: str
    url: str | None
    """Works without a key for an hour. For a caller without the scope `drive:read` it opens the file only as the job
    made it; `null` when the file was replaced since."""
    url_unavailable_reason: str | None = None
    """Why `url` is `null`."""


class Opinion(Answer):
    """What somebody thinks of a job."""

    given_by: str
    """The end user, else who was signed in, or whose key it was."""
    rating: int
    """-1, 0 or 1."""
    comment: str


class JobRead(Answer):
    """A job as every way in shows it."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    skillpack_id: UUID
    deployment_id: UUID | None
    """What it runs, pinned when it was submitted; `null` for a prompt that runs without one, and for a run of another
    project's listing."""
    deployment_version: int | None
    """`null` for a draft, and for a run of another project's listing, which has `listing_version`."""
    parent_job_id: UUID | None
    """The job that called it, for the job of a subagent."""
    replay_of: UUID | None
    """The job whose inputs it runs again."""
    listing_id: UUID | None
    """The listing of the marketplace that it runs, or that what called it does."""
    listing: str
    """The slug of that; empty: none."""
    listing_version: int | None
    price_micros: int
    """Of the listing: charged beside what it uses, if it succeeds."""
    type: Literal["agentic", "deterministic", "kernel"]
    skill_name: str
    """`@inline` for a prompt, `@notebook` for the kernel of a notebook."""
    prompt: str | None
    """Of a job that was submitted with one."""
    model: str | None
    """The language model that was asked for, in the place of the skill's."""
    status: Status
    """`succeeded`, `failed` and `cancelled` are final."""
    waiting_reason: str | None
    """Why a queued job is not running yet."""
    inputs: dict[str, Any]
    """With the defaults of the skill's `input_schema` filled in."""
    result: Any
    """What the skill returned, as its `output_schema` says; `null` until it has succeeded."""
    outputs: list[dict[str, Any]] = Field(json_schema_extra={"items": OutputRead.model_json_schema()})
    """The files that the result names, each with a fresh address."""
    error: str | None
    """Why it failed, for a person."""
    error_code: ErrorCode | None
    """The error code of a failed job."""
    attempt: int
    """How many times it was started."""
    steps: int
    """Replies of the model so far, for an agent."""
    usage: dict[str, Any]
    """What it used: seconds, memory, tokens."""
    simulated: bool
    """No language model ran: the simulation `puras/rehearsal` replied."""
    simulation: str | None
    """What the result of a simulated job is made of, for display with the result; `null` for other jobs."""
    cost_micros: int
    """Millionths of a dollar that were billed, for the job and all that it has called."""
    cost_usd: float
    called_cost_micros: int
    """What of that the jobs cost that it has called; to add up jobs, leave out those that are `paid_with` another."""
    paid_with: UUID | None
    """The job that called it, if it is paid with that: it costs nothing until that ends."""
    used_micros: int
    """The price of what it and all that it called have used so far: what it costs when it succeeds within its cap."""
    forgiven_micros: int
    """What of that was not billed because it failed or was cancelled."""
    eval_score: int | None
    """0 to 100, from the skill's evals."""
    feedback: list[dict[str, Any]] = Field(json_schema_extra={"items": Opinion.model_json_schema()})
    source: str
    """Where it came from: `api`, `studio`, `cli`, `replay`, or what the caller said."""
    priority: int
    lane: str
    limits: dict[str, Any]
    """The narrower limits that were asked for."""
    metadata: dict[str, Any]
    """The caller's own."""
    submitted_by: str
    """The user or the key."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class FeedbackCreate(BaseModel):
    """Body of `POST /v1/jobs/{id}/feedback`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rating: int = Field(ge=-1, le=1)
    """-1: bad, 0: neither, 1: good."""
    comment: Text | None = Field(default=None, max_length=4000)
    end_user_id: Text | None = Field(default=None, min_length=1, max_length=200)
    """Of the person in your app who rates; each has one opinion of a job."""


class FeedbackRead(Opinion):
    """One person's opinion of a job, as it stands now."""

    job_id: UUID
    updated_at: datetime
