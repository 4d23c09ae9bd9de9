"""List the runs of a suite, each with the same run of another suite if requested."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, Problem
from backend.evals import suites
from backend.evals.run_list import RunFilter, RunSort, list_summaries
from backend.evals.schemas import EvalRunRead, RunOutcome
from backend.evals.tables import EvalSuite
from backend.identity.auth.principal import Principal

_COLUMNS: Final = """
r.number, r.case_id, r.round, r.tags, r.inputs, r.expected, r.has_expected, r.error as refusal,
r.submitted_at is not null as is_submitted, j.id as job_id, j.status, j.eval_score, j.eval_results, j.result, j.error,
coalesce(j.cost_micros + j.called_cost_micros, 0) as cost_micros,
cast(extract(epoch from j.finished_at - coalesce(j.first_started_at, j.started_at)) * 1000 as bigint) as latency_ms
"""
_SOURCE: Final = """
eval_runs r left join jobs j on j.id = r.job_id and j.project_id = r.project_id
  and (cast(:confined_to as text) is null or j.environment = cast(:confined_to as text))
"""
_RUNS: Final = text(f"""
select {_COLUMNS} from {_SOURCE}
where r.suite_id = :suite_id and r.project_id = :project_id and r.number > :after
order by r.number limit :limit
""")  # noqa: S608 - the interpolated values are constants
_RUNS_BY_NUMBER: Final = text(f"""
select {_COLUMNS} from {_SOURCE}
where r.suite_id = :suite_id and r.project_id = :project_id and r.number = any(:numbers)
""")  # noqa: S608 - the interpolated values are constants
_RUNS_OF_CASES: Final = text(f"""
select {_COLUMNS} from {_SOURCE}
where r.suite_id = :suite_id and r.project_id = :project_id and r.case_id = any(:cases)
""")  # noqa: S608 - the interpolated values are constants


async def list_some(
    session: AsyncSession,
    principal: Principal,
    suite_id: UUID,
    page: Page,
    *,
    base: UUID | None = None,
    only: RunFilter = "all",
    sort: RunSort = "number",
) -> Slice[EvalRunRead]:
    """Return a page of the runs of a suite; with a base, each with the same run of that suite.

    A key of development or staging sees no results of jobs of other environments.

    Args:
        session: The unit of work.
        principal: The caller.
        suite_id: The suite.
        page: The requested page.
        base: The suite with which the runs are compared.
        only: The filter.
        sort: The order; by default that of submission.

    Raises:
        EvalNotFound: The suite or the base does not exist.
        Invalid: The regressions are requested without a base, or the cursor is not one of this list.
    """
    suite = await suites.get(session, principal, suite_id)
    if only == "regressed" and base is None:
        message = "Regressions are relative to another suite. Name it with base."
        raise Invalid(message, [Problem("query.base", message)])
    if only == "all" and sort == "number":
        values = {**_values(principal, suite), "after": page.number() or 0, "limit": page.limit + 1}
        found = page.slice((await session.execute(_RUNS, values)).all(), lambda row: (row.number,))
    else:
        found = await _selected(session, principal, suite, page, base=base, only=only, sort=sort)
    others: dict[tuple[str, int], RunOutcome] = {}
    if base is not None:
        others = await _others(session, principal, base, found.items)
    runs = [_run_read(row, others.get((row.case_id, row.round))) for row in found.items]
    return Slice(runs, found.next_cursor)


async def _selected(
    session: AsyncSession,
    principal: Principal,
    suite: EvalSuite,
    page: Page,
    *,
    base: UUID | None,
    only: RunFilter,
    sort: RunSort,
) -> Slice[Any]:
    """Return the rows of a page of a list that is filtered or sorted."""
    listed = await list_summaries(session, principal, suite.id, page, base=base, only=only, sort=sort)
    numbers = [run.number for run in listed.items]
    values = {**_values(principal, suite), "numbers": numbers}
    rows = {row.number: row for row in (await session.execute(_RUNS_BY_NUMBER, values)).all()}
    return Slice([rows[number] for number in numbers if number in rows], listed.next_cursor)


def _values(principal: Principal, suite: EvalSuite) -> dict[str, Any]:
    return {"suite_id": suite.id, "project_id": suite.project_id, "confined_to": principal.confined_to}


async def _others(
    session: AsyncSession, principal: Principal, base: UUID, rows: Sequence[Any]
) -> dict[tuple[str, int], RunOutcome]:
    suite = await suites.get(session, principal, base)
    cases = list({row.case_id for row in rows})
    values = {**_values(principal, suite), "cases": cases}
    found = (await session.execute(_RUNS_OF_CASES, values)).all()
    return {(row.case_id, row.round): RunOutcome(**_outcome(row)) for row in found}


def _run_read(row: Any, base: RunOutcome | None) -> EvalRunRead:
    return EvalRunRead(
        **_outcome(row),
        number=row.number,
        case_id=row.case_id,
        round=row.round,
        tags=row.tags,
        inputs=row.inputs,
        expected=row.expected,
        has_expected=row.has_expected,
        graders=(row.eval_results or {}).get("graders", []),
        cost_micros=row.cost_micros,
        latency_ms=row.latency_ms,
        base=base,
    )


def _outcome(row: Any) -> dict[str, Any]:
    without_job = "refused" if row.refusal else "gone" if row.is_submitted else "waiting"
    return {
        "job_id": row.job_id,
        "status": row.status or without_job,
        "score": row.eval_score,
        "passed": None if row.eval_results is None else row.eval_results["passed"],
        "output": row.result,
        "error": row.refusal or row.error,
    }
