"""Define the requests and responses of the routes of suites and cases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, ClosedSchema, RequestBody, Text
from backend.execution.jobs.schemas import MAX_NAME

SuiteStatus = Literal["preparing", "running", "succeeded", "failed", "cancelled"]
CaseId = Annotated[Text, Field(min_length=1, max_length=200)]


class SuiteCreate(ClosedSchema):
    """Body of `POST /v1/skillpacks/{skillpack}/evals`."""

    skill: Text = Field(min_length=1, max_length=MAX_NAME)
    """The skill whose cases are run."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Default: the active version."""
    repeat: int = Field(default=1, ge=1, le=20)
    """Number of runs of each case."""
    threshold: float | None = Field(default=None, ge=0, le=100)
    """Percent of the runs that must pass. Default: the threshold of the skill's gate, or none."""
    case_ids: list[CaseId] | None = Field(default=None, max_length=5_000)
    """Default: all cases."""
    model: Text | None = Field(default=None, max_length=MAX_NAME)
    """Another model for an agentic skill. `recording`: replay the replies of each case's earlier run, at no cost."""


class CaseCreate(RequestBody):
    """Body of `POST /v1/jobs/{id}/eval-case`."""

    expected: Any = None
    """The expected output. Omitted: the job's own result. `null`: nothing is expected."""
    tags: list[Annotated[Text, Field(min_length=1, max_length=64)]] = Field(default=[], max_length=20)
    id: CaseId | None = None
    """Default: `job-` and the first part of the job's ID."""


class CaseRead(Schema):
    """A saved case."""

    id: UUID
    case_id: str
    """Its name among the skill's cases. It replaces a case of the dataset with the same name."""
    skillpack_id: UUID
    skill_name: str
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    tags: list[str]
    conversation: dict[str, Any] | None
    """The conversation that the job continued: `earlier` messages, `context`, and whether a text ends the turn
    (`accepts_text`). A suite continues the same one. `null`: none."""
    source_job_id: UUID | None
    """The job that it was made from, until that is deleted."""
    created_by: str
    created_at: datetime


class SuiteCaseRead(Schema):
    """A case as a suite would run it."""

    case_id: str
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    tags: list[str]
    conversation: dict[str, Any] | None
    """The conversation that the job continued: `earlier` messages, `context`, and whether a text ends the turn
    (`accepts_text`). A suite continues the same one. `null`: none."""
    saved_case_id: UUID | None
    """The ID by which a saved case is deleted. `null`: it belongs to the version's dataset."""
    source_job_id: UUID | None

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def kept_id(self) -> UUID | None:
        """The former name of `saved_case_id`. Removed in 0.3."""
        return self.saved_case_id


class GraderNumbers(Schema):
    """The verdicts of one grader on all runs that it scored."""

    name: str
    kind: str
    mean_score: float | None
    """0 to 1."""
    pass_rate: float | None
    """0 to 1."""
    runs: int
    """Number of runs that it scored."""


class Numbers(Schema):
    """The numbers of a suite, so far or final."""

    completed_runs: int = 0
    passed_runs: int = 0
    failed_runs: int = 0
    """Runs without a result: their jobs failed, were cancelled or could not be submitted. Their score is 0."""
    waiting_runs: int = 0
    """Runs whose jobs wait for an approval. `GET /v1/approvals?status=pending` lists the calls."""
    pass_rate_pct: float | None = None
    mean_score: float | None = None
    """0 to 100."""
    score_stddev: float | None = None
    total_cost_micros: int = 0
    mean_cost_micros: int | None = None
    mean_latency_ms: int | None = None
    """From the start of the first attempt of a job to its end, including waits."""
    label: str = ""
    """`rehearsal` or `recording` if no language model replied in some of the runs."""
    graders: list[GraderNumbers] = Field(default=[])

    def reach(self, threshold: float) -> bool:
        """Return whether this percentage of the runs has passed."""
        return self.completed_runs > 0 and 100 * self.passed_runs >= threshold * self.completed_runs


class SuiteRead(Numbers):
    """A suite and its progress."""

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
    """The reason why no more jobs are submitted at the moment; otherwise empty."""
    error: str
    """The reason why it ended without numbers."""
    repeat: int
    threshold: float | None
    gate_passed: bool | None
    """Whether enough runs passed. `null`: there is no threshold, or the suite has not ended."""
    model: str | None
    is_gate: bool
    """Its result decides whether its version becomes active."""
    is_baseline: bool
    """Later versions must not be worse."""
    total_runs: int
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class RunOutcome(Schema):
    """The result of one run of a case."""

    job_id: UUID | None
    status: str
    """The status of the job; `waiting` before it is submitted, `refused` if it could not be submitted, `gone` after it
    was deleted."""
    score: int | None
    passed: bool | None
    output: Any
    error: str | None


class EvalRunRead(RunOutcome):
    """One run of one case of a suite."""

    number: int
    case_id: str
    round: int
    """Which of the `repeat` runs of the case it is."""
    tags: list[str]
    inputs: dict[str, Any]
    expected: Any
    has_expected: bool
    graders: list[dict[str, Any]]
    cost_micros: int
    latency_ms: int | None
    base: RunOutcome | None = None
    """The same run of the suite in `?base=`."""


class ComparedSuite(Schema):
    """One side of a comparison."""

    suite_id: UUID
    version: int | None
    pass_rate_pct: float | None
    mean_score: float | None
    mean_cost_micros: int | None
    mean_latency_ms: int | None
    is_baseline: bool


class Deltas(Schema):
    """Head minus base; `null` if one of them has no number."""

    pass_rate_pct: float | None
    mean_score: float | None
    mean_cost_micros: int | None
    mean_latency_ms: int | None


class Comparison(Schema):
    """Two suites of one skill in comparison."""

    skill: str
    base: ComparedSuite
    head: ComparedSuite
    deltas: Deltas
    regressed: bool
    """The head passes less often, or its mean score is more than 2 points lower."""
    broken_cases: list[str]
    """Cases that passed in every run of the base, but not in every run of the head; at most 100."""
    fixed_cases: list[str]
    """Cases that passed in every run of the head, but not in every run of the base; at most 100."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def mended_cases(self) -> list[str]:
        """The former name of `fixed_cases`. Removed in 0.3."""
        return self.fixed_cases
