"""The filters and columns of a view of the list of jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from backend.core.schemas import RequestBody
from backend.execution.jobs.queries import JobFilter
from backend.execution.jobs.status import Status
from backend.identity.environments import Environment

JobColumn = Literal[
    "job",
    "skill",
    "version",
    "environment",
    "source",
    "model",
    "submitted_by",
    "attempt",
    "duration",
    "cost",
    "created_at",
]
"""A column of the list next to the status, which is always shown."""
MAX_IDS = 200
_ID = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
IDS_PATTERN = f"^{_ID}(?:,{_ID}){{0,{MAX_IDS - 1}}}$"
"""IDs of jobs, separated by commas."""

_Text = Annotated[str, Field(max_length=200)]


class JobViewFilters(RequestBody):
    """The filters of a view. They have the names and values of the query of `GET /v1/jobs`."""

    status: Status | None = None
    skill: _Text | None = None
    version: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    source: _Text | None = None
    environment: Environment | None = None
    key: UUID | None = None
    min_seconds: Annotated[float, Field(ge=0, le=366 * 86_400)] | None = None
    min_cost_usd: Annotated[float, Field(ge=0, le=1_000_000)] | None = None
    since: datetime | None = None
    until: datetime | None = None
    ids: Annotated[str, Field(max_length=37 * MAX_IDS, pattern=IDS_PATTERN)] | None = None
    error_signature: Annotated[str, Field(max_length=16, pattern="^[0-9a-f]*$")] | None = None
    q: _Text | None = None

    def job_filter(self) -> JobFilter:
        """Return the conditions of the list."""
        cost = self.min_cost_usd
        return JobFilter(
            status=self.status,
            skill=self.skill,
            source=self.source,
            version=self.version,
            since=self.since,
            until=self.until,
            key=self.key,
            min_cost_micros=None if cost is None else round(cost * 1e6),
            min_seconds=self.min_seconds,
            environment=self.environment,
            ids=None if self.ids is None else tuple(map(UUID, self.ids.split(","))),
            error_signature=self.error_signature,
            text=self.q,
        )
