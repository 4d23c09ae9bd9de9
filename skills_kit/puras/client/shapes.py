"""What the instance answers with, as dicts that type checkers know."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, NotRequired, TypedDict

Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
ENDS: Final = frozenset({"succeeded", "failed", "cancelled"})
"""Where a job stays for good."""


class Job(TypedDict):
    """A job; an instance may tell more than is named here."""

    id: str
    status: Status
    skill_name: str
    inputs: dict[str, Any]
    result: Any
    """As the skill returned it; None until then."""
    error: str | None
    error_code: NotRequired[str | None]
    outputs: NotRequired[list[dict[str, Any]]]
    """The files of the result, each with an address that works for an hour."""
    project_id: NotRequired[str]
    skillpack_id: NotRequired[str | None]
    deployment_id: NotRequired[str | None]
    deployment_version: NotRequired[int | None]
    parent_job_id: NotRequired[str | None]
    type: NotRequired[str]
    waiting_reason: NotRequired[str | None]
    attempt: NotRequired[int]
    steps: NotRequired[int]
    usage: NotRequired[dict[str, Any]]
    simulated: NotRequired[bool]
    simulation: NotRequired[str | None]
    cost_micros: NotRequired[int]
    """Millionths of a dollar."""
    cost_usd: NotRequired[float]
    eval_score: NotRequired[int | None]
    source: NotRequired[str]
    metadata: NotRequired[dict[str, Any]]
    created_at: NotRequired[str]
    started_at: NotRequired[str | None]
    finished_at: NotRequired[str | None]


class Event(TypedDict):
    """A fact about a job."""

    id: NotRequired[int]
    """Its number within the job, from 1 without gaps; a `delta` has none."""
    job_id: str
    ts: NotRequired[str]
    type: str
    payload: dict[str, Any]


class Opinion(TypedDict):
    """What somebody thinks of a job."""

    job_id: str
    rating: int
    comment: str
    given_by: str


class JobOptions(TypedDict, total=False):
    """What a job may be given beside its inputs."""

    model: str
    """Another model for an agentic skill."""
    limits: Mapping[str, Any]
    """Narrower than the skill's own: `steps`, `tokens`, `cost_usd`, `timeout_s`, `memory_mb`, `output_mb`."""
    priority: int
    """Order within the project's own queue; higher first."""
    lane: str
    run_at: datetime | str
    """Not before this moment."""
    metadata: Mapping[str, Any]
    """Anything of your own, given back with the job."""
    source: str
    """A word of your own for where the job comes from."""
    listing_id: str
    """In the place of a skill: a listing of the marketplace."""
