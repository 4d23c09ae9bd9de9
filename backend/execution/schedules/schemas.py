"""Requests and responses of the routes of schedules."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import AliasChoices, ConfigDict, Field, computed_field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, ErrorCode, RequestBody
from backend.execution.jobs.status import Status
from backend.execution.schedules import calendar
from backend.execution.schedules.calendar import Clock
from backend.execution.schedules.cron import MAX_CHARACTERS
from backend.execution.schedules.misfires import Missed
from backend.identity.environments import Environment
from backend.marketplace.schemas import MAX_PRICE_MICROS
from backend.skills.job_limits import JobLimits

Overlap = Literal["skip", "queue", "cancel_previous", "allow"]
Outcome = Literal["submitted", "skipped", "missed", "refused", "queued"]
LAST_VERSION = 2**31 - 1
MAX_CATCH_UP_S = 31 * 86_400
_FORMER_NAMES: Final = {"most_price_micros": "max_price_micros"}


class ScheduleCreate(RequestBody):
    """A new schedule."""

    former_names: ClassVar[Mapping[str, str]] = _FORMER_NAMES

    name: str = Field(min_length=1, max_length=100)
    """A name that is unique in the project."""
    skill: str | None = Field(default=None, min_length=1, max_length=200)
    """Name of the skill: `report`, or `skillpack/report`."""
    listing_id: str | None = Field(default=None, min_length=1, max_length=200)
    """ID or slug of a marketplace listing to run instead of a skill."""
    max_price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    """The maximum price of a run of the listing. A run with a higher price is rejected. Default: the current price."""
    most_price_micros: int | None = Field(
        default=None, ge=0, le=MAX_PRICE_MICROS, deprecated="Use `max_price_micros`. Removed in 0.3."
    )
    """The former name of `max_price_micros`."""
    skillpack: str | None = Field(default=None, max_length=200)
    """ID or slug. Default: the default skillpack, otherwise the only one that has the skill."""
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """Default: the version that is active when the job is submitted; for a listing, its newest version."""
    environment: Environment | None = None
    """The environment of its jobs. Default: that of the API key; for users `production`. It cannot change."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Validated against the skill's `input_schema` now, and again when the job is submitted."""
    cron: str = Field(min_length=1, max_length=MAX_CHARACTERS)
    """Minute, hour, day of the month, month, day of the week: `30 9 * * mon-fri`; or an alias such as `@daily`."""
    time_zone: str = Field(default="UTC", min_length=1, max_length=100)
    """A name of the IANA list: `Europe/Berlin`."""
    overlap: Overlap = "skip"
    """Behavior while the previous job has not ended: `skip` this time, `queue` the next job until it has,
    `cancel_previous`, or `allow` several jobs at the same time."""
    missed: Missed = "skip"
    """Behavior for times that were missed by a minute or more: `skip` them, or `run_once` for all of them."""
    catch_up_s: int = Field(default=86_400, ge=60, le=MAX_CATCH_UP_S)
    """Seconds after which a missed run is not started any more."""
    enabled: bool = True
    limits: JobLimits = Field(default_factory=JobLimits)
    """Limits of each job, below those of the skill."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Metadata of each job, in addition to `schedule_id` and `schedule_due_at`."""

    @model_validator(mode="after")
    def _is_for_one(self) -> Self:
        if (self.skill is None) == (self.listing_id is None):
            raise ValueError(
                "Set either `skill` (the name of a skill) or `listing_id` (a listing of the marketplace)"
            )
        if self.listing_id is None and self.max_price_micros is not None:
            raise ValueError("`max_price_micros` is for listings of the marketplace; omit it")
        return self


class ScheduleUpdate(RequestBody):
    """Changes to a schedule. Its skill or listing cannot change."""

    former_names: ClassVar[Mapping[str, str]] = _FORMER_NAMES

    name: str | None = Field(default=None, min_length=1, max_length=100)
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """Null: the active version; for a listing, its newest version."""
    max_price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    most_price_micros: int | None = Field(
        default=None, ge=0, le=MAX_PRICE_MICROS, deprecated="Use `max_price_micros`. Removed in 0.3."
    )
    """The former name of `max_price_micros`."""
    inputs: dict[str, Any] | None = None
    cron: str | None = Field(default=None, min_length=1, max_length=MAX_CHARACTERS)
    time_zone: str | None = Field(default=None, min_length=1, max_length=100)
    overlap: Overlap | None = None
    missed: Missed | None = None
    catch_up_s: int | None = Field(default=None, ge=60, le=MAX_CATCH_UP_S)
    enabled: bool | None = None
    limits: JobLimits | None = None
    metadata: dict[str, Any] | None = None


class Answer(Schema):
    """A response about schedules."""

    model_config = ConfigDict(from_attributes=True)


class UpcomingTimesRead(Answer):
    """An upcoming time."""

    at: datetime
    local: str
    """Local time with the UTC offset."""

    @classmethod
    def first(cls, clock: Clock, count: int, time: datetime) -> list[Self]:
        """Return the next times of a cron clock after a time."""
        found = calendar.first(clock.cron, clock.zone, time, count)
        return [cls(at=at, local=at.astimezone(clock.zone).isoformat()) for at in found]


class SchedulePreviewRead(Answer):
    """The next times of a cron expression."""

    cron: str
    time_zone: str
    next_runs: list[UpcomingTimesRead]


class ScheduleRunRead(Answer):
    """One run of a schedule."""

    id: UUID
    schedule_id: UUID
    due_at: datetime
    is_manual: bool = Field(validation_alias=AliasChoices("is_manual", "by_hand"))
    """True: a user requested the run."""
    outcome: Outcome
    """`submitted`: there is a job; `queued`: the job is submitted when the previous one has ended; `skipped`: another
    job was running; `missed`: no worker was running; `refused`: see `reason`."""
    job_id: UUID | None
    job_status: Status | None
    """Null if there is no job or it was deleted."""
    reason: str
    code: ErrorCode
    """The error code of a rejected job."""
    created_at: datetime

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def by_hand(self) -> bool:
        """The former name of `is_manual`. Removed in 0.3."""
        return self.is_manual


class ScheduleRead(Answer):
    """A schedule."""

    id: UUID
    name: str
    skillpack_id: UUID | None
    """Null: the schedule runs a listing."""
    skill: str
    listing: str | None
    """Slug of the listing that the schedule runs; null for a skill."""
    max_price_micros: int | None
    """The maximum price of a run of the listing."""
    version: int | None
    environment: Environment
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
    """Null while the schedule is off."""
    created_by: str
    created_at: datetime
    updated_at: datetime

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def most_price_micros(self) -> int | None:
        """The former name of `max_price_micros`. Removed in 0.3."""
        return self.max_price_micros


class ScheduleDetailRead(ScheduleRead):
    """A schedule with its next and last runs."""

    next_runs: list[UpcomingTimesRead]
    """The next five times, while the schedule is on."""
    last_runs: list[ScheduleRunRead]
    """The last ten runs, newest first."""
