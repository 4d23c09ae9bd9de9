"""What is said about suites and cases over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Text
from backend.execution.jobs.schemas import MAX_NAME

SuiteStatus = Literal["preparing", "running", "succeeded", "failed", "cancelled"]
CaseId = Annotated[Text, Field(min_length=1, max_length=200)]


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class SuiteCreate(BaseModel):
    """Body of `POST /v1/skillpacks/{skillpack}/evals`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    """Whose cases are run."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Default: the active one."""
    repeat: int = Field(default=1, ge=1, le=20)
    """How often each case is run."""
    threshold: float | None = Field(default=None, ge=0, le=100)
    """Percent of the runs that have to pass; default: that of the skill's gate, else none."""
    case_ids: list[CaseId] | None = Field(default=None, max_length=5_000)
    """Default: all of them."""
    model: Text | None = Field(default=None, max_length=MAX_NAME)
    """Another model for an agentic skill; `recording`: what was answered in each case's earlier run, for nothing."""


class CaseCreate(BaseModel):
    """Body of `POST /v1/jobs/{id}/eval-case`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    expected: Any = None
    """What the output has to be; left out: the job's own result, `null`: nothing is expected."""
    tags: list[Annotated[Text, Field(min_length=1, max_length=64)]] = Field(default=[], max_length=20)
    id: CaseId | None = None
    """Default: `job-` and the first part of the job's id."""


class CaseRead(_Answer):
    """A case that is kept here."""

    id: UUID
    case_id: str
    """Its name among the skill's cases; it stands in the place of one of the dataset with the same."""
    skillpack_id: UUID
    skill_name: str
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    tags: list[str]
    source_job_id: UUID | None
    """The job that it was made of, while that is kept."""
    created_by: str
    created_at: datetime


class GivenCase(_Answer):
    """A case as a suite would run it."""

    case_id: str
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    tags: list[str]
    kept_id: UUID | None
    """The id by which one that is kept here is deleted; `null`: it is of the version's dataset."""
    source_job_id: UUID | None


class GraderNumbers(_Answer):
    """What one grader said of all runs that it judged."""

    name: str
    kind: str
    mean_score: float | None
    """0 to 1."""
    pass_rate: float | None
    """0 to 1."""
    runs: int
    """That it judged."""


class Numbers(_Answer):
    """What a suite has come to, so far or in the end."""

    completed_runs: int = 0
    passed_runs: int = 0
    failed_runs: int = 0
    """Without a result: their jobs failed, were cancelled or could not be submitted. Their score is 0."""
    waiting_runs: int = 0
    """Whose jobs wait for somebody's consent to a call: `GET /v1/approvals?status=pending` has the calls."""
    pass_rate_pct: float | None = None
    mean_score: float | None = None
    """0 to 100."""
    score_stddev: float | None = None
    total_cost_micros: int = 0
    mean_cost_micros: int | None = None
    mean_latency_ms: int | None = None
    """From the start of a job to its end."""
    label: str = ""
    """`rehearsal` or `recording` when no language model answered in some of the runs."""
    graders: list[GraderNumbers] = []

    def reach(self, threshold: float) -> bool:
        """Whether so many percent of the runs have passed."""
        return self.completed_runs > 0 and 100 * self.passed_runs >= threshold * self.completed_runs


class SuiteRead(Numbers):
    """A suite, and how far it is."""

    id: UUID
    project_id: UUID
    workspace_id: UUID
    """The same as `project_id`."""
    skillpack_id: UUID
    skill_name: str
    deployment_id: UUID
    version: int | None
    """`null` for a draft."""
    status: SuiteStatus
    waiting_reason: str
    """Why no more jobs are submitted for now; empty while they are."""
    error: str
    """Why it ended without its numbers."""
    repeat: int
    threshold: float | None
    gate_passed: bool | None
    """Whether as many runs passed as the threshold says; `null` without one, and until it has ended."""
    model: str | None
    is_gate: bool
    """It decides whether its version becomes the active one."""
    is_baseline: bool
    """Later versions must not be worse."""
    total_runs: int
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class RunOutcome(_Answer):
    """How one run of a case ended."""

    job_id: UUID | None
    status: str
    """Of the job; `waiting` before there is one, `refused` if it could not be submitted, `gone` once it is deleted."""
    score: int | None
    passed: bool | None
    output: Any
    error: str | None


class EvalRunRead(RunOutcome):
    """One run of one case of a suite."""

    number: int
    case_id: str
    round: int
    """Which of the `repeat` runs of the case."""
    tags: list[str]
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    graders: list[dict[str, Any]]
    cost_micros: int
    latency_ms: int | None
    base: RunOutcome | None = None
    """The same run of the suite that `?base=` names."""


class Side(_Answer):
    """One side of a comparison."""

    suite_id: UUID
    version: int | None
    pass_rate_pct: float | None
    mean_score: float | None
    mean_cost_micros: int | None
    mean_latency_ms: int | None
    is_baseline: bool


class Deltas(_Answer):
    """Head less base; `null` where one of them has no number."""

    pass_rate_pct: float | None
    mean_score: float | None
    mean_cost_micros: int | None
    mean_latency_ms: int | None


class Comparison(_Answer):
    """Two suites of one skill, side by side."""

    skill: str
    base: Side
    head: Side
    deltas: Deltas
    regressed: bool
    """The head passes less often, or its mean score is more than 2 points lower."""
    broken_cases: list[str]
    """Cases that passed in every run of the base and not in every run of the head; at most 100."""
    mended_cases: list[str]
    """The other way round."""
