"""Schemas of the routes of limits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, computed_field

from backend.config import Settings
from backend.config.quotas import CONCURRENCY, REQUESTS, Quota, ceiling, effective
from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.identity.limits.service import ProjectLimits

MAX_LIMIT = 10_000_000
MAX_CONCURRENCY = 10_000


class LimitsUpdate(RequestBody):
    """The project's own limits; `null` resets one to its ceiling, and omitted fields do not change."""

    concurrency: int | None = Field(default=None, ge=1, le=MAX_CONCURRENCY)
    """Maximum jobs that are ready or running at the same time."""
    queued_jobs: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum pending jobs outside of the project's window."""
    later_jobs: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum jobs that wait for their `run_at`."""
    deployments: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    """Maximum versions and drafts of each skillpack."""
    api_keys: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    members: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    secrets: int | None = Field(default=None, ge=0, le=1_000)
    """Maximum secrets of the project, and of each skillpack."""
    skillpacks: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    drive_mb: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum size of the drive in MiB."""
    drive_files: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum files and folders in the drive."""
    memory_records: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum records in the memory."""
    memory_mb: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum size of the memory in MiB."""
    session_messages: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    """Maximum messages of a user in one session."""
    session_usd: int | None = Field(default=None, ge=0, le=MAX_LIMIT)
    """Maximum cost of one session in US dollars."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    """Maximum requests of all keys of the project together."""


class LimitRead(Schema):
    """One limit of a project."""

    limit: int | None
    """Effective limit: the ceiling, or the project's own limit if that is lower. `null`: no limit."""
    has_ceiling: bool
    """Whether the operator has set a ceiling for this project."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def is_own(self) -> bool:
        """The former name of `has_ceiling`. Removed in 0.3."""
        return self.has_ceiling

    @classmethod
    def of(cls, name: str, limits: ProjectLimits, default: int | None) -> LimitRead:
        """Return the response for one limit of a project."""
        effective_limit = effective(limits.of_operator, limits.own, name, default)
        return cls(limit=effective_limit, has_ceiling=name in limits.of_operator)


class LimitsRead(BaseModel):
    """All effective limits of a project."""

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
    session_messages: LimitRead
    session_usd: LimitRead
    requests_per_minute: LimitRead
    ceilings: dict[str, int | None]
    """Maximum values that the project can set, by name: those of the operator for this project, else the instance's."""
    own: dict[str, int]
    """Limits that the project has set itself; a ceiling that is lower applies instead."""

    @classmethod
    def of(cls, limits: ProjectLimits, defaults: dict[str, int | None]) -> LimitsRead:
        """Return the limits of a project, from its own, its operator's and the instance's."""
        names = (CONCURRENCY, *Quota, REQUESTS)
        ceilings = {name: ceiling(limits.of_operator, name, defaults[name]) for name in names}
        effective_limit = {name: LimitRead.of(name, limits, defaults[name]) for name in names}
        return cls(**effective_limit, ceilings=ceilings, own=dict(limits.own))

    def set_by(self, name: str) -> Literal["instance", "operator", "project"]:
        """Return who has set the effective value of a limit."""
        limit: LimitRead = getattr(self, name)
        if name in self.own and limit.limit != self.ceilings[name]:
            return "project"
        return "operator" if limit.has_ceiling else "instance"


def defaults_of(settings: Settings) -> dict[str, int | None]:
    """Return the limits of a project for which the operator has not set any."""
    quotas: dict[str, int | None] = {name: getattr(settings.quotas, name) for name in Quota}
    return {
        CONCURRENCY: settings.project_concurrency,
        **quotas,
        REQUESTS: settings.project_requests_per_minute,
    }
