"""What the routes of schedules take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.schemas import Asked, ErrorCode
from backend.execution.jobs.status import Status
from backend.execution.schedules import calendar
from backend.execution.schedules.calendar import Clock
from backend.execution.schedules.cron import MAX_CHARACTERS
from backend.execution.schedules.misfires import Missed
from backend.marketplace.schemas import MAX_PRICE_MICROS
from backend.skills.job_limits import JobLimits

Overlap = Literal["skip", "queue", "cancel_previous", "allow"]
Outcome = Literal["submitted", "skipped", "missed", "refused", "queued"]
LAST_VERSION = 2**31 - 1
MAX_CATCH_UP_S = 31 * 86_400


class ScheduleCreate(Asked):
    """A new schedule."""

    name: str = Field(min_length=1, max_length=100)
    """What people call it; once in a project."""
    skill: str | None = Field(default=None, min_length=1, max_length=200)
    """Name of the skill: `report`, or `skillpack/report`."""
    listing_id: str | None = Field(default=None, min_length=1, max_length=200)
    """In the place of a skill: a listing of the marketplace, by its id or slug."""
    most_price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    """Of a run of the listing; one that has a higher price is refused. Default: the price of now."""
    skillpack: str | None = Field(default=None, max_length=200)
    """Id or slug. Default: the default one, or the one that has the skill."""
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """Default: the version that is active when it comes; of a listing, its newest."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Checked now against the skill's `input_schema`, and again when it comes."""
    cron: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    """Minute, hour, day of the month, month, day of the week: `30 9 * * mon-fri`; or `@daily` and its like."""
    time_zone: str = Field(default="UTC", min_length=1, max_length=100)
    """Of the IANA list: `Europe/Berlin`."""
    overlap: Overlap = "skip"
    """While a job of it has not ended: `skip` this time, `queue` the next job until it has, `cancel_previous`, or
    `allow` several jobs at a time."""
    missed: Missed = "skip"
    """What nobody was there for, by a minute or more: `skip` it, or `run_once` for all that was missed."""
    catch_up_s: int = Field(default=86_400, ge=60, le=MAX_CATCH_UP_S)
    """Seconds after which a missed run is not made up for any more."""
    enabled: bool = True
    limits: JobLimits = Field(default_factory=JobLimits)
    """Of each job; narrower than the skill's own."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Given back with each job, beside `schedule_id` and `schedule_due_at`."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if (self.skill is None) == (self.listing_id is None):
            raise ValueError("Give either `skill`, the name of one, or `listing_id`, one of the marketplace")
        if self.listing_id is None and self.most_price_micros is not None:
            raise ValueError("`most_price_micros` is for listings of the marketplace; leave it out")
        return self


class ScheduleUpdate(Asked):
    """What is to change; which skill it runs stays."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """Null: the one that is active; of a listing, its newest."""
    most_price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    inputs: dict[str, Any] | None = None
    cron: str | None = Field(default=None, min_length=1, max_length=MAX_CHARACTERS)
    time_zone: str | None = Field(default=None, min_length=1, max_length=100)
    overlap: Overlap | None = None
    missed: Missed | None = None
    catch_up_s: int | None = Field(default=None, ge=60, le=MAX_CATCH_UP_S)
    enabled: bool | None = None
    limits: JobLimits | None = None
    metadata: dict[str, Any] | None = None


class Answer(BaseModel):
    """What a route answers."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class UpcomingTimesRead(Answer):
    """A moment to come."""

    at: datetime
    local: str
    """As the clock there shows it, with its distance from UTC."""

    @classmethod
    def first(cls, clock: Clock, count: int, moment: datetime) -> list[Self]:
        """The first moments of a clock after one."""
        found = calendar.first(clock.cron, clock.zone, moment, count)
        return [cls(at=at, local=at.astimezone(clock.zone).isoformat()) for at in found]


class SchedulePreviewRead(Answer):
    """What an expression comes to."""

    cron: str
    time_zone: str
    next_runs: list[UpcomingTimesRead]


class ScheduleRunRead(Answer):
    """What one moment came to."""

    id: UUID
    schedule_id: UUID
    due_at: datetime
    by_hand: bool
    """Somebody asked for it."""
    outcome: Outcome
    """`submitted`: there is a job; `queued`: its job is submitted when the one before it has ended; `skipped`: another
    one ran; `missed`: no worker ran; `refused`: see `reason`."""
    job_id: UUID | None
    job_status: Status | None
    """None when there is no job, or none any more."""
    reason: str
    code: ErrorCode
    """The error code of a rejected run."""
    created_at: datetime


class ScheduleRead(Answer):
    """A schedule."""

    id: UUID
    name: str
    skillpack_id: UUID | None
    """None: it runs a listing."""
    skill: str
    listing: str | None
    """Slug of what it runs in the place of a skill of the project."""
    most_price_micros: int | None
    """Of a run of the listing."""
    version: int | None
    inputs: dict[str, Any]
    cron: str
    time_zone: str
    overlap: Overlap
    missed: Missed
    catch_up_s: int
    enabled: bool
    limits: dict[str, Any]
    metadata: dict[str, Any]
    next_at: datetime | None
    """None while it is off."""
    created_by: str
    created_at: datetime
    updated_at: datetime


class ScheduleDetailRead(ScheduleRead):
    """A schedule, what comes and what was."""

    next_runs: list[UpcomingTimesRead]
    """The next five, while it is on."""
    last_runs: list[ScheduleRunRead]
    """The last ten, newest first."""
