"""What is found, as it is answered."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "failures",
    "output_misfits",
    "tool_errors",
    "slow_tool",
    "dear_tool",
    "dear_step",
    "cache_misses",
    "dear_runs",
    "version_slower",
    "version_dearer",
]
Severity = Literal["high", "medium", "low"]


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Finding(_Answer):
    """One thing that is worth a look, and the jobs that show it."""

    kind: Kind
    severity: Severity
    title: str
    """What is so, with its numbers."""
    recommendation: str
    """What to do about it."""
    job_ids: list[UUID]
    """Up to five, the clearest first."""
    facts: dict[str, Any]


class VersionNumbers(_Answer):
    """The runs of one version."""

    version: int | None
    """`null`: drafts."""
    runs: int
    failed: int
    mean_eval_score: float | None
    cost_p50_micros: int | None
    """Of the runs that succeeded, as are the others."""
    cost_p95_micros: int | None
    duration_p50_ms: int | None
    """From the start of the last attempt to the end."""
    duration_p95_ms: int | None


class ToolNumbers(_Answer):
    """The calls of one tool."""

    name: str
    calls: int
    errors: int
    total_ms: int
    p50_ms: int | None
    p95_ms: int | None
    billed_micros: int
    slowest_job_id: UUID | None


class StepNumbers(_Answer):
    """The replies of the model at one step of the run."""

    step: int
    replies: int
    mean_ms: int
    mean_billed_micros: int
    billed_micros: int
    dearest_job_id: UUID


class Findings(_Answer):
    """What the newest jobs of a skill say about it."""

    skill: str
    skillpack: str
    since: datetime
    """Jobs that were submitted from then on."""
    jobs_analyzed: int
    most_jobs: int
    """More than so many are not looked at, newest first."""
    is_capped: bool
    """There were more, and the older ones are not in these numbers."""
    most_events: int
    """Of one job: a longer run is looked at up to there."""
    findings: list[Finding]
    """The gravest first; empty: nothing stands out."""
    versions: list[VersionNumbers]
    tools: list[ToolNumbers]
    """The ten that took longest in all."""
    steps: list[StepNumbers]
    """The ten that cost most in all."""
