"""What is said about jobs over REST: how one is asked for, and how one is shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

MAX_NAME = 200


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain NUL characters")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]


class JobLimits(BaseModel):
    """Narrower limits for one job; what its skill declares is the most that it gets."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    timeout_s: float | None = Field(default=None, gt=0, le=86_400)
    """Seconds of running time."""
    cost_usd: float | None = Field(default=None, ge=0, le=100_000)
    """Most that the job may cost."""
    memory_mb: int | None = Field(default=None, ge=16, le=1_048_576)
    output_mb: int | None = Field(default=None, ge=1, le=64)


class JobRequest(BaseModel):
    """Body of `POST /v1/jobs`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    """Name of the skill: `resize`, or `skillpack/resize`."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Checked against the skill's `input_schema`; its defaults are filled in."""
    source: Text = Field(default="api", min_length=1, max_length=64)
    priority: int = Field(default=0, ge=-100, le=100)
    """Order within the project's own queue; higher first."""
    lane: Text | None = Field(default=None, max_length=64)
    """Group of workers; default: the skill's, else `default`."""
    limits: JobLimits = Field(default_factory=JobLimits)
    model: Text | None = Field(default=None, max_length=MAX_NAME)
    """Another model for an agentic skill."""
    run_at: datetime | None = None
    """Not before this moment."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Anything of the caller's own, given back with the job."""


class JobView(BaseModel):
    """A job as every way in shows it."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    skillpack_id: UUID
    deployment_id: UUID
    deployment_version: int | None
    parent_job_id: UUID | None
    replay_of: UUID | None
    type: str
    skill_name: str
    status: str
    waiting_reason: str | None
    """Why a queued job is not running yet."""
    inputs: dict[str, Any]
    result: Any
    outputs: list[dict[str, Any]]
    """Files of the result: `{name, drive_path, size_bytes, mime, url}`."""
    error: str | None
    error_code: str | None
    attempt: int
    steps: int
    usage: dict[str, Any]
    cost_micros: int
    cost_usd: float
    eval_score: int | None
    feedback: list[dict[str, Any]]
    source: str
    priority: int
    lane: str
    limits: dict[str, Any]
    metadata: dict[str, Any]
    submitted_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class OutputView(BaseModel):
    """A file of a result."""

    name: str
    """Where the result names it: `thumbnail`, `pages[0].image`."""
    drive_path: str
    size_bytes: int
    mime: str
    url: str
    """Works without a key for an hour."""


class FeedbackRequest(BaseModel):
    """Body of `POST /v1/jobs/{id}/feedback`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    rating: int = Field(ge=-1, le=1)
    comment: Text | None = Field(default=None, max_length=4000)
    end_user_id: Text | None = Field(default=None, min_length=1, max_length=200)


class FeedbackView(BaseModel):
    """One person's opinion of a job."""

    job_id: UUID
    given_by: str
    rating: int
    comment: str
    updated_at: datetime
