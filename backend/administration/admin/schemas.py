"""What the routes for operators take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Asked
from backend.execution.jobs.queue_reason import Reason
from backend.identity.auth.users import MAX_EMAIL_CHARACTERS

MAX_USD = 1_000_000


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class RunningJob(_Answer):
    """A job that a worker runs now."""

    id: UUID
    project: str
    """Slug."""
    skill: str
    started_at: datetime | None


class WorkerRead(_Answer):
    """One worker process."""

    id: UUID
    host: str
    pid: int
    lanes: list[str]
    capacity: int
    """Jobs that it can run at once."""
    running: list[RunningJob]
    layers: list[str]
    """Of its sandbox."""
    started_at: datetime
    beat_at: datetime
    is_alive: bool
    """Its last beat is not older than its lease; else its jobs are sent on."""
    is_draining: bool
    """It takes no job any more."""
    shortage: str | None
    """What its host has too little of (disk, memory or processes), so that it claims no jobs."""


class WaitingJobsRead(_Answer):
    """Jobs of one lane that wait for the same reason."""

    lane: str
    reason: Reason
    jobs: int
    oldest_s: float
    """How long the oldest of them has waited, in seconds; 0 for jobs that wait for their `run_at`."""
    next_due_at: datetime | None
    """When the next of them is due, for jobs that wait for their `run_at`."""


class StatusTileRead(_Answer):
    """How one part of the instance is."""

    part: str
    state: Literal["ok", "wait", "fail"]
    """`wait`: it goes on without it, worse; `fail`: jobs do not run."""
    told: str


class AdminUserRead(_Answer):
    """Somebody with an account."""

    id: UUID
    email: str
    name: str
    is_operator: bool
    projects: int
    """In how many they are."""
    created_at: datetime
    disabled_at: datetime | None
    last_seen_at: datetime | None
    """Of the sessions that there are."""


class UserCreate(Asked):
    """Somebody who is to have an account."""

    email: str = Field(min_length=1, max_length=MAX_EMAIL_CHARACTERS)
    name: str = Field(default="", max_length=200)


class PasswordLinkRead(_Answer):
    """A link that sets a password, once."""

    email: str
    link: str
    """To be passed on to the person; told this once."""
    expires_at: datetime


class AdminProjectRead(_Answer):
    """A project and its wallet."""

    id: UUID
    slug: str
    name: str
    members: int
    queued: int
    """Jobs that wait for their turn."""
    balance_micros: int
    reserved_micros: int
    """Held for jobs that run now."""
    created_at: datetime


class TopUpCreate(Asked):
    """Money for a project's wallet."""

    amount_usd: float = Field(ge=0.000001, le=MAX_USD)
    note: str = Field(default="", max_length=200)
    """Why, for the ledger."""


class TopUpRead(_Answer):
    """What the wallet holds now."""

    project_id: UUID
    balance_micros: int
    balance_usd: float
