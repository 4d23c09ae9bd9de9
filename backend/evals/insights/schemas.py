"""Define the responses of the route of insights."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

from pydantic import Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED

Kind = Literal[
    "failures",
    "output_mismatches",
    "tool_errors",
    "slow_tool",
    "expensive_tool",
    "expensive_step",
    "cache_misses",
    "expensive_runs",
    "version_slower",
    "version_more_expensive",
]
FormerKind = Literal[
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
_FORMER_KINDS: Final[dict[Kind, FormerKind]] = {
    "output_mismatches": "output_misfits",
    "expensive_tool": "dear_tool",
    "expensive_step": "dear_step",
    "expensive_runs": "dear_runs",
    "version_more_expensive": "version_dearer",
}
Severity = Literal["high", "medium", "low"]


class FindingChart(Schema):
    """A small chart: one bar for each label."""

    unit: Literal["jobs", "seconds", "usd", "tokens", "calls"]
    labels: list[str]
    values: list[float]
    highlighted: int | None = None
    """The position of the bar that the insight is about."""


class Finding(Schema):
    """One insight, and jobs that show it."""

    kind: Kind
    severity: Severity
    title: str
    """The observation with its numbers."""
    recommendation: str
    """The recommendation."""
    job_ids: list[UUID]
    """Up to five jobs, the clearest examples first."""
    jobs: int = 0
    """The number of jobs that the insight is about."""
    all_job_ids: list[UUID] = Field(default_factory=list)
    """All of them, in the same order: the filter `ids` of `GET /v1/jobs` lists them."""
    value: str = ""
    """The most important number, with its unit: `42 %`."""
    chart: FindingChart | None = None
    """The numbers behind the insight."""
    details: dict[str, Any]

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def facts(self) -> dict[str, Any]:
        """The former name of `details`. Removed in 0.3."""
        return self.details

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def former_kind(self) -> FormerKind:
        """The kind under its name before 0.2: `dear_tool` instead of `expensive_tool`. Removed in 0.3."""
        return _FORMER_KINDS.get(self.kind, cast("FormerKind", self.kind))


class VersionNumbers(Schema):
    """The runs of one version."""

    version: int | None
    """`null`: drafts."""
    runs: int
    failed: int
    mean_eval_score: float | None
    cost_p50_micros: int | None
    """Costs and durations are those of runs that succeeded."""
    cost_p95_micros: int | None
    duration_p50_ms: int | None
    """From the start of the first attempt to the end, including waits, as the page of a job shows it."""
    duration_p95_ms: int | None


class ToolNumbers(Schema):
    """The calls of one tool."""

    name: str
    calls: int
    errors: int
    total_ms: int
    p50_ms: int | None
    p95_ms: int | None
    billed_micros: int
    slowest_job_id: UUID | None


class StepNumbers(Schema):
    """The replies of the model at one step of the run."""

    step: int
    replies: int
    mean_ms: int
    mean_billed_micros: int
    billed_micros: int
    costliest_job_id: UUID

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def dearest_job_id(self) -> UUID:
        """The former name of `costliest_job_id`. Removed in 0.3."""
        return self.costliest_job_id


class Findings(Schema):
    """Insights from the newest jobs of a skill."""

    skill: str
    skillpack: str
    since: datetime
    """Only jobs that were submitted since then."""
    jobs_analyzed: int
    max_jobs: int
    """At most this number of jobs is analyzed, newest first."""
    is_capped: bool
    """There are more jobs, and the older ones are not included."""
    max_events: int
    """At most this number of events of one job is analyzed."""
    findings: list[Finding]
    """The most severe first; empty if there is nothing to report."""
    versions: list[VersionNumbers]
    tools: list[ToolNumbers]
    """The ten with the longest total time."""
    steps: list[StepNumbers]
    """The ten with the highest total cost."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def most_jobs(self) -> int:
        """The former name of `max_jobs`. Removed in 0.3."""
        return self.max_jobs

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def most_events(self) -> int:
        """The former name of `max_events`. Removed in 0.3."""
        return self.max_events
