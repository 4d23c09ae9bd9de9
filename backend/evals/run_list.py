"""List the runs of a suite in short form, each with the verdict of the same run of another suite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.evals import suites
from backend.identity.auth.principal import Principal

RunSort = Literal["number", "score", "cost", "duration"]
"""The lowest score first, after runs without a result; the highest cost or duration first."""
RunFilter = Literal["all", "not_passed", "regressed"]
"""`regressed`: passed in the base and not here, or a lower score than in the base."""

_VERDICT: Final = "j.eval_score as score, cast(j.eval_results ->> 'passed' as boolean) as passed"
_JOB: Final = """
left join jobs j on j.id = r.job_id and j.project_id = r.project_id
  and (cast(:confined_to as text) is null or j.environment = cast(:confined_to as text))
"""
_RUNS: Final = text(f"""
with base as (
  select r.case_id, r.round, {_VERDICT} from eval_runs r {_JOB}
  where r.suite_id = cast(:base as uuid) and r.project_id = :project_id
), runs as (
  select r.number, r.case_id, r.round, j.id as job_id, {_VERDICT},
         coalesce(j.status, case when r.error is not null then 'refused' when r.submitted_at is not null then 'gone'
                  else 'waiting' end) as status,
         nullif(coalesce(r.error, j.error), '') as error, j.eval_results -> 'graders' as graders,
         coalesce(j.cost_micros + j.called_cost_micros, 0) as cost_micros,
         cast(extract(epoch from j.finished_at - coalesce(j.first_started_at, j.started_at)) * 1000 as bigint)
           as latency_ms
  from eval_runs r {_JOB}
  where r.suite_id = :suite_id and r.project_id = :project_id
), sorted as (
  select runs.*, base.case_id is not null as has_base, base.score as base_score,
         (base.passed and runs.passed is false) or coalesce(runs.score, 101) < coalesce(base.score, 0) as is_regressed,
         case cast(:sort as text)
           when 'score' then coalesce(runs.score, case when runs.error is null then 101 else -1 end)
           when 'cost' then -runs.cost_micros
           when 'duration' then -coalesce(runs.latency_ms, -1)
           else 0 end as key
  from runs left join base on base.case_id = runs.case_id and base.round = runs.round
)
select * from sorted
where case cast(:only as text)
        when 'not_passed' then passed is false or error is not null
        when 'regressed' then is_regressed
        else true end
  and (cast(:after_key as bigint) is null or (key, number) > (cast(:after_key as bigint), cast(:after as integer)))
order by key, number limit :limit
""")  # noqa: S608 - the interpolated values are constants


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run without its inputs and outputs."""

    number: int
    case_id: str
    round: int
    job_id: UUID | None
    status: str
    score: int | None
    passed: bool | None
    error: str | None
    graders: list[dict[str, Any]]
    cost_micros: int
    latency_ms: int | None
    has_base: bool
    base_score: int | None
    is_regressed: bool


async def list_summaries(
    session: AsyncSession,
    principal: Principal,
    suite_id: UUID,
    page: Page,
    *,
    base: UUID | None = None,
    only: RunFilter = "all",
    sort: RunSort = "number",
) -> Slice[RunSummary]:
    """Return the runs of a suite that match a filter.

    Args:
        session: The unit of work.
        principal: The caller.
        suite_id: The suite.
        page: The requested page.
        base: A suite with which the runs are compared.
        only: The filter.
        sort: The order.

    Raises:
        EvalNotFound: The suite or the base does not exist, or the principal may not see it.
    """
    suite = await suites.get(session, principal, suite_id)
    if base is not None:
        await suites.get(session, principal, base)
    after_key, after = page.position(lambda order, *at: _position(sort, order, *at)) or (None, None)
    values = {
        "suite_id": suite.id,
        "project_id": suite.project_id,
        "confined_to": principal.confined_to,
        "base": base,
        "only": only,
        "sort": sort,
        "after_key": after_key,
        "after": after,
        "limit": page.limit + 1,
    }
    rows = (await session.execute(_RUNS, values)).all()
    found = page.slice(rows, lambda row: (sort, row.key, row.number))
    return Slice([_summary(row) for row in found.items], found.next_cursor)


def _position(sort: RunSort, order: str, key: str, number: str) -> tuple[int, int]:
    if order != sort:
        raise ValueError("a position in a list with another order")
    return int(key), int(number)


def _summary(row: Any) -> RunSummary:
    return RunSummary(
        number=row.number,
        case_id=row.case_id,
        round=row.round,
        job_id=row.job_id,
        status=row.status,
        score=row.score,
        passed=row.passed,
        error=row.error,
        graders=row.graders or [],
        cost_micros=row.cost_micros,
        latency_ms=row.latency_ms,
        has_base=row.has_base,
        base_score=row.base_score,
        is_regressed=bool(row.is_regressed),
    )
