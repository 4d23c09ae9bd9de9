"""Requests and responses of the routes of failures."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.execution.jobs.failures.tables import MAX_NOTE_CHARACTERS, FailureState
from backend.identity.environments import Environment

MAX_IGNORED_JOBS: Final = 10_000
FailureStateFilter = FailureState | Literal["all"]
FixedIn = Literal["active", "next"]

Note = Annotated[Text, Field(max_length=MAX_NOTE_CHARACTERS)]


class FailureResolve(RequestBody):
    """Why an error should not occur any more."""

    note: Note = ""
    """For the members of the project: `Fixed the timeout`."""
    fixed_in: FixedIn = "active"
    """The first version in which the error should not occur: the one that is active in production, or the one after it.
    Failures of earlier versions do not open the error again."""


class FailureIgnore(RequestBody):
    """How long an error is ignored: permanently by default. With both limits, the one that is reached first counts."""

    note: Note = ""
    """For the members of the project."""
    until: AwareDatetime | None = None
    """The time from which the error is open again."""
    jobs: Annotated[int, Field(ge=1, le=MAX_IGNORED_JOBS)] | None = None
    """The number of further failed jobs after which the error is open again."""


class FailureRead(Schema):
    """An error of failed jobs, with its state."""

    error_signature: str
    """The filter of `GET /v1/jobs` that returns its jobs."""
    skill_name: str
    error_code: str
    message: str
    """The error message, with `<n>`, `<value>`, `<path>` and the like instead of what differs from job to job."""
    frame: str
    """The innermost place in the code of the skill, `main.py in run`; empty if none of its code failed."""
    first_seen_at: datetime
    """When the first job with this error ended, which may be before the period."""
    first_version: int | None
    """The version of the first job with this error; null: a draft, or a run of another project's listing."""
    state: FailureState
    is_regressed: bool
    """Whether the error was resolved, and is open because a job has failed with it since."""
    returned_at: datetime | None
    """When the job ended that has opened the error again after it was resolved, or ignored for a number of jobs."""
    state_changed_at: datetime | None
    """When the error was resolved, ignored or reopened last."""
    state_changed_by: str
    """The user or the API key that did so."""
    note: str
    fixed_in_version: int | None
    """Of a resolved error: failures of earlier versions, and of drafts, do not open it again. null: all failures do."""
    ignored_until: datetime | None
    ignored_jobs: int | None
    """The number of further failed jobs for which the error is ignored."""


class FailureClusterRead(FailureRead):
    """Jobs that failed for the same reason within the period."""

    jobs: int
    share: float
    """Of all failed jobs of the period, from 0 to 1."""
    last_seen_at: datetime
    """When the newest of the jobs was submitted."""
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
    open: int
    """The errors of the period that are open."""
    resolved: int
    ignored: int
    total_clusters: int
    """The errors of the period in the requested state."""
    clusters: list[FailureClusterRead]
    """Those with the most jobs first."""
