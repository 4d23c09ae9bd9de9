"""What the runs of a suite come to: a reading of its jobs."""

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

_ENDS: Final = text("""
select r.case_id, r.error, r.submitted_at is not null as is_submitted, j.id as job_id, j.status, j.eval_score,
       j.eval_results, j.cost_micros + j.called_cost_micros as cost_micros, j.started_at, j.finished_at,
       j.usage ->> 'label' as label
from eval_runs r left join jobs j on j.id = r.job_id and j.project_id = r.project_id
where r.suite_id = :suite_id and r.project_id = :project_id
order by r.number
""")


@dataclass(frozen=True, slots=True)
class End:
    """How one run stands."""

    case_id: str
    error: str | None
    is_submitted: bool
    job_id: UUID | None
    status: str | None
    eval_score: int | None
    eval_results: dict[str, Any] | None
    cost_micros: int | None
    started_at: datetime | None
    finished_at: datetime | None
    label: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it: its job has ended, is deleted, or never was."""
        is_gone = self.is_submitted and self.job_id is None
        return self.error is not None or is_gone or self.finished_at is not None

    @property
    def has_result(self) -> bool:
        """Whether there was something to judge."""
        return self.status == "succeeded"

    @property
    def passed(self) -> bool:
        """Whether its graders say so."""
        return self.has_result and bool((self.eval_results or {}).get("passed"))

    @property
    def score(self) -> int | None:
        """0 to 100; none when no grader judged."""
        return self.eval_score if self.has_result else 0

    @property
    def latency_ms(self) -> int | None:
        """From the start of its job to its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at).total_seconds() * 1000)


async def ends_of(session: AnySession, *, project_id: UUID, suite_id: UUID) -> list[End]:
    """How every run of the suite stands, in the order of their submission."""
    rows = await session.execute(_ENDS, {"project_id": project_id, "suite_id": suite_id})
    return [End(**row._asdict()) for row in rows.all()]


def numbers_of(ends: Sequence[End]) -> Numbers:
    """What those that are over come to."""
    over = [end for end in ends if end.is_over]
    scores = [score for end in over if (score := end.score) is not None]
    latencies = [latency for end in over if (latency := end.latency_ms) is not None]
    costs = [end.cost_micros for end in over if end.cost_micros is not None]
    passed = sum(end.passed for end in over)
    labels = {end.label for end in over if end.label}
    return Numbers(
        completed_runs=len(over),
        passed_runs=passed,
        failed_runs=sum(not end.has_result for end in over),
        waiting_runs=sum(end.status == "waiting" for end in ends),
        pass_rate_pct=round(100 * passed / len(over), 1) if over else None,
        mean_score=_rounded(_mean(scores), 1),
        score_stddev=_rounded(_deviation(scores), 1),
        total_cost_micros=sum(costs),
        mean_cost_micros=None if not costs else round(sum(costs) / len(costs)),
        mean_latency_ms=None if not latencies else round(sum(latencies) / len(latencies)),
        label=" ".join(sorted(labels)),
        graders=_graders(over),
    )


def _graders(over: Iterable[End]) -> list[GraderNumbers]:
    kinds: dict[str, str] = {}
    said: dict[str, list[dict[str, Any]]] = {}
    for end in over:
        for verdict in (end.eval_results or {}).get("graders", ()):
            kinds[verdict["name"]] = verdict["kind"]
            judged = said.setdefault(verdict["name"], [])
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
        for name, judged in said.items()
    ]


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """Of the runs themselves, which are all that there are."""
    mean = _mean(values)
    if mean is None:
        return None
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
