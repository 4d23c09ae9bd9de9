"""Responses of the routes of failures."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.core.attribute_docstrings import Schema
from backend.identity.environments import Environment


class FailureClusterRead(Schema):
    """Jobs that failed for the same reason within the period."""

    error_signature: str
    """The filter of `GET /v1/jobs` that returns these jobs."""
    skill_name: str
    error_code: str
    message: str
    """The error message, with `<n>`, `<value>`, `<path>` and the like instead of what differs from job to job."""
    frame: str
    """The innermost place in the code of the skill, `main.py in run`; empty if none of its code failed."""
    jobs: int
    share: float
    """Of all failed jobs of the period, from 0 to 1."""
    first_seen_at: datetime
    """When the first job with this error ended, which may be before the period."""
    last_seen_at: datetime
    """When the newest of the jobs was submitted."""
    first_version: int | None
    """The version of the first job with this error; null: a draft, or a run of another project's listing."""
    is_new: bool
    """Whether the error did not occur before the period."""
    versions: list[int]
    """The versions of the jobs, newest first, at most 20."""
    environments: list[Environment]
    example_job_id: UUID
    """The newest of the jobs."""
    trend: list[int]
    """The jobs in each part of the period; the parts have equal lengths, oldest first."""


class FailuresRead(Schema):
    """The failed jobs of a period, grouped by the reason."""

    since: datetime
    until: datetime
    failed: int
    """All failed jobs of the period that match the filters."""
    ungrouped: int
    """Those that ended before the instance grouped failures."""
    total_clusters: int
    clusters: list[FailureClusterRead]
    """Those with the most jobs first."""
