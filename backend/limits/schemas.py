"""What the routes of limits take and answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from backend.config import Settings
from backend.limits.quotas import Quota
from backend.schemas import Asked

MOST = 10_000_000
REQUESTS = "requests_per_minute"


class LimitChanges(Asked):
    """A project's own limits; `null` for the instance's again, and what is left out stays."""

    queued_jobs: int | None = Field(default=None, ge=0, le=MOST)
    """Jobs that may wait outside of the project's window."""
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


class LimitAnswer(BaseModel):
    """How much of something a project may have."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    limit: int | None
    """None: no limit."""
    is_own: bool
    """Whether the operator set it for this project."""


class LimitsAnswer(BaseModel):
    """Every limit that holds for a project."""

    queued_jobs: LimitAnswer
    deployments: LimitAnswer
    api_keys: LimitAnswer
    members: LimitAnswer
    secrets: LimitAnswer
    skillpacks: LimitAnswer
    drive_mb: LimitAnswer
    drive_files: LimitAnswer
    memory_records: LimitAnswer
    memory_mb: LimitAnswer
    requests_per_minute: LimitAnswer

    @classmethod
    def of(cls, own: dict[str, int], defaults: dict[str, int | None]) -> LimitsAnswer:
        """The project's own limits where it has some, the instance's elsewhere."""
        names = (*Quota, REQUESTS)
        return cls(
            **{name: LimitAnswer(limit=own.get(name, defaults[name]), is_own=name in own) for name in names}
        )


def defaults_of(settings: Settings) -> dict[str, int | None]:
    """The limits of a project that has none of its own."""
    quotas: dict[str, int | None] = {name: getattr(settings.quotas, name) for name in Quota}
    return {**quotas, REQUESTS: settings.project_requests_per_minute}
