"""Define the requests and responses of the routes of alert rules."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from pydantic import ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.identity.environments import Environment
from backend.integrations.alerts.tables import AlertState, Metric

MIN_WINDOW_MINUTES: Final = 5
MAX_WINDOW_MINUTES: Final = 7 * 24 * 60
MAX_MIN_JOBS: Final = 100_000
DEFAULT_MIN_JOBS: Final = 5

Name = Annotated[Text, Field(min_length=1, max_length=200)]
SkillName = Annotated[Text, Field(min_length=1, max_length=200)]
Threshold = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]
Window = Annotated[int, Field(ge=MIN_WINDOW_MINUTES, le=MAX_WINDOW_MINUTES)]
MinJobs = Annotated[int, Field(ge=1, le=MAX_MIN_JOBS)]


class AlertCreate(RequestBody):
    """A new alert rule."""

    name: Name
    """Shown in messages: `Nightly report fails`."""
    metric: Metric
    """`error_rate`: failed jobs among those that succeeded or failed. `latency_p95`: 95th percentile of the time from
    start to end of succeeded jobs. `spend`: cost of ended jobs. `queue_age`: waiting time of the oldest queued job.
    `new_errors`: open errors whose first job failed within the window, or that have returned within it after they were
    resolved, or ignored for a number of jobs."""
    threshold: Threshold
    """The alert is raised while the value is not below it. Percent for `error_rate`, US dollars for `spend`, a
    number for `new_errors`, seconds for the others."""
    skill: SkillName | None = None
    """Only jobs of this skill count: `report`. Default: all skills."""
    environment: Environment | None = None
    """Only jobs of this environment count. Default: all environments."""
    window_minutes: Window = 60
    """Jobs that ended within this time count. `queue_age` does not use it."""
    min_jobs: MinJobs = DEFAULT_MIN_JOBS
    """With fewer ended jobs in the window, `error_rate` and `latency_p95` do not raise the alert."""
    enabled: bool = True


class AlertUpdate(RequestBody):
    """Changes of an alert rule, which is then evaluated again."""

    name: Name | None = None
    threshold: Threshold | None = None
    skill: SkillName | None = None
    """`null`: all skills."""
    environment: Environment | None = None
    """`null`: all environments."""
    window_minutes: Window | None = None
    min_jobs: MinJobs | None = None
    enabled: bool | None = None
    """A rule that is switched off is not evaluated, and its alert ends without an event."""


class AlertRead(Schema):
    """An alert rule and its state."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    name: str
    metric: Metric
    threshold: float
    skill: str | None
    environment: Environment | None
    window_minutes: int
    min_jobs: int
    enabled: bool
    state: AlertState
    value: float | None
    """The last value, in the unit of the threshold. `null`: there are too few jobs, or it was not evaluated yet."""
    jobs: int
    """The jobs of the last value."""
    state_changed_at: datetime | None
    """When the alert was raised or ended last."""
    evaluated_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
