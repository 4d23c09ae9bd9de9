"""Plan a suite: record every run before the first job is submitted."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import DEFAULTS
from backend.evals.dataset import SuiteCase, Target, cases_of
from backend.evals.errors import CasesUnknown, NoCases, NoGraders, SuiteTooLarge
from backend.evals.replayed_job import RECORDING, recordings_of
from backend.evals.tables import EvalRun, EvalSuite
from backend.execution.jobs.access import inputs
from backend.identity.auth.principal import Principal
from backend.money.pricing import PriceList
from backend.skills.model_catalog.recordings import slug_of
from backend.storage import Storage

MAX_RUNS: Final = 1_000
MAX_INPUT_BYTES: Final = 64 << 20
"""Maximum of all runs of one suite."""


@dataclass(frozen=True, slots=True)
class SuiteResources:
    """The services of the instance for a suite."""

    storage: Storage
    prices: PriceList
    max_queued: int = DEFAULTS.queued_jobs


async def plan_runs(
    session: AsyncSession,
    suite: EvalSuite,
    target: Target,
    resources: SuiteResources,
    *,
    case_ids: Sequence[str] | None = None,
    principal: Principal | None = None,
) -> None:
    """Record every run of the suite: all cases once, then all again, up to `repeat` times.

    Raises:
        PurasError: The suite cannot run; see `suites.start`.
    """
    if not target.skill.evals:
        raise NoGraders(target.skill.name)
    cases = _select(await cases_of(session, resources.storage, target), case_ids, target.skill.name)
    _check_size(cases, suite.repeat)
    if principal is not None:
        for case in cases:
            await inputs.check(session, principal, target.skill, case.inputs)
    models: dict[str, str | None] = dict.fromkeys((case.case_id for case in cases), suite.model)
    if suite.model == RECORDING:
        recorded = await recordings_of(session, target, cases, principal)
        models = {case_id: slug_of(job_id) for case_id, job_id in recorded.items()}
    for round_ in range(1, suite.repeat + 1):
        for position, case in enumerate(cases, start=1):
            session.add(_run(suite, case, models[case.case_id], (round_ - 1) * len(cases) + position, round_))
    suite.total_runs = suite.repeat * len(cases)
    suite.status = "running"
    await session.flush()


def _select(cases: list[SuiteCase], case_ids: Collection[str] | None, skill: str) -> list[SuiteCase]:
    if not cases:
        raise NoCases(skill)
    if case_ids is None:
        return cases
    known = {case.case_id for case in cases}
    unknown = [name for name in case_ids if name not in known]
    if unknown:
        raise CasesUnknown(unknown, sorted(known))
    selected = [case for case in cases if case.case_id in case_ids]
    if not selected:
        raise NoCases(skill)
    return selected


def _check_size(cases: Sequence[SuiteCase], repeat: int) -> None:
    runs = repeat * len(cases)
    if runs > MAX_RUNS:
        raise SuiteTooLarge(f"{runs:,} runs", f"{MAX_RUNS:,}")
    size = repeat * sum(len(json.dumps([case.inputs, case.conversation])) for case in cases)
    if size > MAX_INPUT_BYTES:
        raise SuiteTooLarge(f"inputs of {size >> 20} MiB", f"{MAX_INPUT_BYTES >> 20} MiB")


def _run(suite: EvalSuite, case: SuiteCase, model: str | None, number: int, round_: int) -> EvalRun:
    expectation: dict[str, Any] = {"expected": case.expected} if case.has_expected else {}
    return EvalRun(
        suite_id=suite.id,
        number=number,
        round=round_,
        project_id=suite.project_id,
        case_id=case.case_id,
        inputs=case.inputs,
        has_expected=case.has_expected,
        tags=list(case.tags),
        model=model,
        conversation=case.conversation,
        **expectation,
    )
