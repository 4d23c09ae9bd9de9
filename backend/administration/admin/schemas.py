"""Schemas of the routes for operators."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, cast
from uuid import UUID

from pydantic import ConfigDict, Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.execution.jobs.queue_reason import Reason
from backend.identity.auth.accounts.users import MAX_EMAIL_CHARACTERS

MAX_USD = 1_000_000
FormerReason = Literal[
    "not_before", "wallet_empty", "wallet_held", "project_limit", "no_worker", "runs_alone", "next_in_line"
]
_FORMER_REASONS: Final[dict[Reason, FormerReason]] = {
    "quarantined": "runs_alone",
    "workers_busy": "next_in_line",
}


class _ReadModel(Schema):
    model_config = ConfigDict(from_attributes=True)


class RunningJob(_ReadModel):
    """A running job of a worker."""

    id: UUID
    project: str
    """Slug of the project."""
    skill: str
    started_at: datetime | None


class WorkerRead(_ReadModel):
    """One worker process."""

    id: UUID
    host: str
    pid: int
    lanes: list[str]
    capacity: int
    """Maximum concurrent jobs."""
    running: list[RunningJob]
    layers: list[str]
    """Layers of its sandbox."""
    started_at: datetime
    heartbeat_at: datetime
    is_alive: bool
    """Whether its last heartbeat is within its lease; otherwise its jobs are requeued."""
    is_draining: bool
    """Whether it claims no more jobs."""
    shortage: str | None
    """The resource that its host lacks (disk, memory or processes), so that it claims no jobs."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def beat_at(self) -> datetime:
        """The former name of `heartbeat_at`. Removed in 0.3."""
        return self.heartbeat_at


class WaitingJobsRead(_ReadModel):
    """Jobs of one lane that wait for the same reason."""

    lane: str
    reason: Reason
    jobs: int
    oldest_s: float
    """Waiting time of the oldest job in seconds; 0 for jobs that wait for their `run_at`."""
    next_due_at: datetime | None
    """Earliest `run_at`, for jobs that wait for it."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def former_reason(self) -> FormerReason:
        """The reason under its name before 0.2: `next_in_line` instead of `workers_busy`. Removed in 0.3."""
        return _FORMER_REASONS.get(self.reason, cast("FormerReason", self.reason))


class StatusTileRead(_ReadModel):
    """State of one part of the instance."""

    part: str
    state: Literal["ok", "wait", "fail"]
    """`wait`: the instance works with restrictions; `fail`: jobs do not run."""
    message: str
    """What is known about it."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def told(self) -> str:
        """The former name of `message`. Removed in 0.3."""
        return self.message


class AdminUserRead(_ReadModel):
    """A user account, as operators see it."""

    id: UUID
    email: str
    name: str
    is_operator: bool
    projects: int
    """Number of projects that the user is in."""
    created_at: datetime
    disabled_at: datetime | None
    last_seen_at: datetime | None
    """Last use of a session that still exists."""


class UserCreate(RequestBody):
    """A new user account."""

    email: str = Field(min_length=1, max_length=MAX_EMAIL_CHARACTERS)
    name: str = Field(default="", max_length=200)


class PasswordLinkRead(_ReadModel):
    """A one-time link to set a password."""

    email: str
    link: str
    """Link to send to the user; it is returned only once."""
    expires_at: datetime


class AdminProjectRead(_ReadModel):
    """A project and its wallet."""

    id: UUID
    slug: str
    name: str
    members: int
    queued: int
    """Number of queued jobs."""
    balance_micros: int
    reserved_micros: int
    """Reserved for running jobs."""
    created_at: datetime


class TopUpCreate(RequestBody):
    """Credit for a project's wallet."""

    amount_usd: float = Field(ge=0.000001, le=MAX_USD)
    note: str = Field(default="", max_length=200)
    """Reason, recorded in the ledger."""


class TopUpRead(_ReadModel):
    """Balance of the wallet after the top-up."""

    project_id: UUID
    balance_micros: int
    balance_usd: float
