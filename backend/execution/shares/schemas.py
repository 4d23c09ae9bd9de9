"""Requests and responses of links that share jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.execution.shares.tables import JobShare

MAX_HOURS: Final = 720


class JobShareCreate(Schema):
    """A link to create."""

    expires_in_hours: int = Field(default=72, ge=1, le=MAX_HOURS)
    """Hours until the link expires."""


class JobShareRead(Schema):
    """A link that shares a job, without its secret part."""

    id: UUID
    job_id: UUID
    created_by: str
    """The user or the API key that created it."""
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, share: JobShare) -> Self:
        """Return the link of a row."""
        return cls(**share.model_dump(include=set(cls.model_fields)))


class JobShareCreated(JobShareRead):
    """A new link."""

    url: str
    """URL of the page. It is returned only here: the instance stores only a hash of its secret part."""


class SharedSpan(Schema):
    """A part of the time of a shared job."""

    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    started_at: datetime
    duration_ms: float | None
    ok: bool | None
    """`false`: it failed; `null`: unknown."""


class SharedJobRead(Schema):
    """What a link shows of a job: never its inputs, its log, its events or the input of its models."""

    job_id: UUID
    skill_name: str
    status: str
    error: str | None
    result: Any
    """The result of a succeeded job; `null` otherwise."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    spans: list[SharedSpan]
    """At most 500 spans."""
    expires_at: datetime
    """When the link expires."""
