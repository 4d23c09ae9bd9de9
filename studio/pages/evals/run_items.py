"""What the page shows of the runs of a suite: a line each, and the inputs and outputs of those that are open."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from backend.evals.run_list import RunSummary
from backend.evals.schemas import EvalRunRead, RunOutcome, SuiteRead
from studio.formatting import duration, usd
from studio.pages.evals.suite_items import difference


@dataclass
class RunItem:
    """A run as a line."""

    key: str
    """The number of the run."""
    state: str
    word: str
    case: str
    reason: str
    """Why it has not passed."""
    score: str
    difference: str
    is_regressed: bool
    job_id: str


@dataclass
class Outcome:
    """The output of a run, or its error."""

    caption: str = ""
    output: Any = None
    error: str = ""
    job_id: str = ""
    is_gone: bool = False


@dataclass
class GraderVerdict:
    """The verdict of a grader on a run."""

    name: str
    verdict: str
    is_bad: bool
    detail: str


@dataclass
class RunDetails:
    """An open run."""

    outcome: Outcome
    base: Outcome
    has_base: bool
    has_expected: bool
    expected: Any
    inputs: Any
    before: str
    """The output in the other suite as text, if both can be compared."""
    after: str
    label: str
    totals: str
    graders: list[GraderVerdict] = field(default_factory=list)


def run_item(run: RunSummary) -> RunItem:
    """Return the line of a run."""
    state, word = _state(run)
    return RunItem(
        str(run.number),
        state,
        word,
        f"{run.case_id} #{run.round}" if run.round > 1 else run.case_id,
        _why_not(run) if state == "failed" else "",
        "" if run.score is None else str(run.score),
        difference(run.score, run.base_score, 0) if run.has_base else "",
        run.is_regressed,
        str(run.job_id or ""),
    )


def run_details(run: EvalRunRead, base: SuiteRead | None) -> RunDetails:
    """Return the inputs and outputs of a run."""
    other = run.base
    is_comparable = other is not None and other.output is not None and run.output is not None
    base_name = "the base" if base is None or base.version is None else f"v{base.version}"
    return RunDetails(
        outcome=_outcome(run, "this run"),
        base=Outcome() if other is None else _outcome(other, base_name),
        has_base=other is not None,
        has_expected=run.has_expected,
        expected=run.expected,
        inputs=run.inputs,
        before=_text(other.output) if is_comparable and other is not None else "",
        after=_text(run.output) if is_comparable else "",
        label=f"Output differences of {run.case_id}",
        totals=usd(run.cost_micros)
        + ("" if run.latency_ms is None else f" · {duration(run.latency_ms / 1000)}"),
        graders=[_grader(one) for one in run.graders],
    )


def _outcome(run: RunOutcome, of: str) -> Outcome:
    score = "" if run.score is None else f", score {run.score}"
    return Outcome(
        f"Output of {of}{score}", run.output, run.error or "", str(run.job_id or ""), run.status == "gone"
    )


def _grader(one: dict[str, Any]) -> GraderVerdict:
    is_bad = one.get("passed") is False
    verdict = "skipped" if one.get("skipped") else f"{'not passed' if is_bad else 'passed'}, {_percent(one)}"
    return GraderVerdict(str(one["name"]), verdict, is_bad, str(one.get("detail") or ""))


def _state(run: RunSummary) -> tuple[str, str]:
    """Return the state of a run with its label; a run without a job has not started."""
    if run.passed:
        return "succeeded", "Passed"
    if run.error or run.status == "gone":
        return "failed", "No result"
    if run.passed is False:
        return "failed", "Not passed"
    if run.job_id is None or run.status == "queued":
        return "queued", "Queued"
    return ("waiting", "Awaiting approval") if run.status == "waiting" else ("running", "Running")


def _why_not(run: RunSummary) -> str:
    if run.error:
        return run.error
    failed = [one for one in run.graders if one.get("passed") is False]
    reasons = (f"{one['name']}: {one.get('detail') or f'scored {_percent(one)}'}" for one in failed)
    return "; ".join(reasons) or "no grader scored it"


def _percent(one: dict[str, Any]) -> int:
    return round(100 * float(one.get("score") or 0))


def _text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
