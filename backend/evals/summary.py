"""Summarize the runs of a suite from their jobs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.evals.schemas import GraderNumbers, Numbers

_RUNS: Final = text("""
select r.case_id, r.error, r.submitted_at is not null as is_submitted, j.id as job_id, j.status, j.eval_score,
       j.eval_results, j.cost_micros + j.called_cost_micros as cost_micros,
       coalesce(j.first_started_at, j.started_at) as started_at, j.finished_at, j.usage ->> 'label' as label
from eval_runs r left join jobs j on j.id = r.job_id and j.project_id = r.project_id
where r.suite_id = :suite_id and r.project_id = :project_id
order by r.number
""")


@dataclass(frozen=True, slots=True)
class RunState:
    """The state of one run."""

    case_id: str
    error: str | None
    is_submitted: bool
    job_id: UUID | None
    status: str | None
    eval_score: int | None
    eval_results: dict[str, Any] | None
    cost_micros: int | None
    started_at: datetime | None
    """When the first attempt started."""
    finished_at: datetime | None
    label: str | None

    @property
    def is_ended(self) -> bool:
        """Return whether the run is final: its job has ended, is deleted, or could not be submitted."""
        is_gone = self.is_submitted and self.job_id is None
        return self.error is not None or is_gone or self.finished_at is not None

    @property
    def has_result(self) -> bool:
        """Return whether there is a result to grade."""
        return self.status == "succeeded"

    @property
    def passed(self) -> bool:
        """Return whether the graders passed it."""
        return self.has_result and bool((self.eval_results or {}).get("passed"))

    @property
    def score(self) -> int | None:
        """The score from 0 to 100; None if no grader judged it."""
        return self.eval_score if self.has_result else 0

    @property
    def latency_ms(self) -> int | None:
        """The time from the start of its job to its end, as the page of the job shows it: waits are included."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


async def run_states(session: AnySession, *, project_id: UUID, suite_id: UUID) -> list[RunState]:
    """Return the state of every run of the suite, in the order of submission."""
    rows = await session.execute(_RUNS, {"project_id": project_id, "suite_id": suite_id})
    return [RunState(**row._asdict()) for row in rows.all()]


def summarize(states: Sequence[RunState]) -> Numbers:
    """Return the numbers of the runs that have ended."""
    ended = [state for state in states if state.is_ended]
    scores = [score for state in ended if (score := state.score) is not None]
    latencies = [latency for state in ended if (latency := state.latency_ms) is not None]
    costs = [state.cost_micros for state in ended if state.cost_micros is not None]
    passed = sum(state.passed for state in ended)
    labels = {state.label for state in ended if state.label}
    return Numbers(
        completed_runs=len(ended),
        passed_runs=passed,
        failed_runs=sum(not state.has_result for state in ended),
        waiting_runs=sum(state.status == "waiting" for state in states),
        pass_rate_pct=round(100 * passed / len(ended), 1) if ended else None,
        mean_score=_rounded(_mean(scores), 1),
        score_stddev=_rounded(_deviation(scores), 1),
        total_cost_micros=sum(costs),
        mean_cost_micros=None if not costs else round(sum(costs) / len(costs)),
        mean_latency_ms=None if not latencies else round(sum(latencies) / len(latencies)),
        label=" ".join(sorted(labels)),
        graders=_graders(ended),
    )


def _graders(ended: Iterable[RunState]) -> list[GraderNumbers]:
    kinds: dict[str, str] = {}
    verdicts_by_grader: dict[str, list[dict[str, Any]]] = {}
    for state in ended:
        for verdict in (state.eval_results or {}).get("graders", ()):
            kinds[verdict["name"]] = verdict["kind"]
            judged = verdicts_by_grader.setdefault(verdict["name"], [])
            if not verdict["skipped"]:
                judged.append(verdict)
    return [
        GraderNumbers(
            name=name,
            kind=kinds[name],
            mean_score=_rounded(_mean([verdict["score"] for verdict in judged]), 4),
            pass_rate=_rounded(_mean([float(verdict["passed"]) for verdict in judged]), 4),
            runs=len(judged),
        )
        for name, judged in verdicts_by_grader.items()
    ]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation of the whole population, which the runs are."""
    mean = _mean(values)
    if mean is None:
        return None
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
