"""What the routes of limits take and answer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.config import Settings
from backend.config.quotas import CONCURRENCY, REQUESTS, Quota, ceiling, effective
from backend.core.schemas import Asked
from backend.identity.limits.service import ProjectLimits

MOST = 10_000_000
MAX_CONCURRENCY = 10_000


class LimitsUpdate(Asked):
    """A project's own limits; `null` for the ceiling again, and what is left out stays."""

    concurrency: int | None = Field(default=None, ge=1, le=MAX_CONCURRENCY)
    """Jobs that may be ready or running at once."""
    queued_jobs: int | None = Field(default=None, ge=0, le=MOST)
    """Jobs that may wait outside of the project's window."""
    later_jobs: int | None = Field(default=None, ge=0, le=MOST)
    """Jobs with a `run_at` that may wait for that time."""
    deployments: int | None = Field(default=None, ge=1, le=MOST)
    """Versions and drafts that each of its skillpacks may keep."""
    api_keys: int | None = Field(default=None, ge=1, le=MOST)
    members: int | None = Field(default=None, ge=1, le=MOST)
    secrets: int | None = Field(default=None, ge=0, le=1_000)
    """Of the project, and again of each skillpack."""
    skillpacks: int | None = Field(default=None, ge=1, le=MOST)
    drive_mb: int | None = Field(default=None, ge=0, le=MOST)
    """MiB that its drive may hold."""
    drive_files: int | None = Field(default=None, ge=0, le=MOST)
    """Files and folders that its drive may hold."""
    memory_records: int | None = Field(default=None, ge=0, le=MOST)
    """Records that its memory may hold."""
    memory_mb: int | None = Field(default=None, ge=0, le=MOST)
    """MiB that its memory may hold."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MOST)
    """That all keys of the project may send together."""


class LimitRead(BaseModel):
    """How much of something a project may have."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    limit: int | None
    """What holds: the ceiling, or what the project has set itself where that is lower. None: no limit."""
    is_own: bool
    """Whether the operator set a ceiling for this project alone."""

    @classmethod
    def of(cls, name: str, limits: ProjectLimits, default: int | None) -> LimitRead:
        """Return the answer for one limit of a project."""
        held = effective(limits.of_operator, limits.own, name, default)
        return cls(limit=held, is_own=name in limits.of_operator)


class LimitsRead(BaseModel):
    """Every limit that holds for a project."""

    concurrency: LimitRead
    queued_jobs: LimitRead
    later_jobs: LimitRead
    deployments: LimitRead
    api_keys: LimitRead
    members: LimitRead
    secrets: LimitRead
    skillpacks: LimitRead
    drive_mb: LimitRead
    drive_files: LimitRead
    memory_records: LimitRead
    memory_mb: LimitRead
    requests_per_minute: LimitRead
    ceilings: dict[str, int | None]
    """The most that the project can set itself, by name: the operator's for this project, else the instance's."""
    own: dict[str, int]
    """What the project has set itself; where the operator has lowered a ceiling since, the ceiling holds."""

    @classmethod
    def of(cls, limits: ProjectLimits, defaults: dict[str, int | None]) -> LimitsRead:
        """Return the limits of a project, from its own, its operator's and the instance's."""
        names = (CONCURRENCY, *Quota, REQUESTS)
        ceilings = {name: ceiling(limits.of_operator, name, defaults[name]) for name in names}
        held = {name: LimitRead.of(name, limits, defaults[name]) for name in names}
        return cls(**held, ceilings=ceilings, own=dict(limits.own))

    def set_by(self, name: str) -> Literal["instance", "operator", "project"]:
        """Return whose value of a limit holds."""
        answer: LimitRead = getattr(self, name)
        if name in self.own and answer.limit != self.ceilings[name]:
            return "project"
        return "operator" if answer.is_own else "instance"


def defaults_of(settings: Settings) -> dict[str, int | None]:
    """Return the limits of a project for which the operator has set none."""
    quotas: dict[str, int | None] = {name: getattr(settings.quotas, name) for name in Quota}
    return {
        CONCURRENCY: settings.project_concurrency,
        **quotas,
        REQUESTS: settings.project_requests_per_minute,
    }
