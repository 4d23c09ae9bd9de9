"""Compare two suites of one skill, and decide whether the later one is worse."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.evals.errors import NothingToCompare
from backend.evals.schemas import ComparedSuite, Comparison, Deltas, Numbers
from backend.evals.summary import RunState, run_states
from backend.evals.tables import EvalSuite
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks import service as skillpacks

SCORE_TOLERANCE: Final = 2.0
"""Points of the mean score by which the replies of a model may vary."""
MAX_CASES: Final = 100


async def compare(
    session: AsyncSession,
    principal: Principal,
    *,
    skillpack: str,
    skill: str,
    base: str | None = None,
    head: str | None = None,
) -> Comparison:
    """Compare the numbers of the head with those of the base. Each is a version number or the ID of a suite.

    Without a head, it is the newest finished suite; without a base, the baseline, or else the newest suite of an
    earlier version.

    Raises:
        SkillpackNotFound: The skillpack does not exist.
        NothingToCompare: A side has no finished suite.
    """
    principal.require(Role.VIEWER, "evals:read")
    pack = await skillpacks.get(session, principal, skillpack)
    finished = FinishedSuites(session, principal, pack.id, skill)
    later = await finished.named(head) if head else await finished.newest()
    if later is None:
        raise NothingToCompare("head", skill, head)
    earlier = await finished.named(base) if base else await finished.before(later)
    if earlier is None:
        raise NothingToCompare("base", skill, base)
    return await compare_suites(session, earlier, later)


class FinishedSuites:
    """The suites of one skill that succeeded."""

    def __init__(self, session: AsyncSession, principal: Principal, skillpack_id: UUID, skill: str) -> None:
        self._session = session
        self._query = visible(EvalSuite, principal).where(
            col(EvalSuite.skillpack_id) == skillpack_id,
            col(EvalSuite.skill_name) == skill,
            col(EvalSuite.status) == "succeeded",
        )

    async def newest(self) -> EvalSuite | None:
        """Return the suite that was started last."""
        return await self._first()

    async def named(self, ref: str) -> EvalSuite | None:
        """Return the suite with this ID, or else the newest of this version."""
        suite_id = skillpacks.as_id(ref)
        if suite_id is not None:
            return await self._first(col(EvalSuite.id) == suite_id)
        if not (len(ref) <= 9 and ref.isascii() and ref.isdecimal()):
            return None
        return await self._first(col(EvalSuite.deployment_version) == int(ref))

    async def baseline(self) -> EvalSuite | None:
        """Return the baseline."""
        return await self._first(col(EvalSuite.is_baseline))

    async def before(self, later: EvalSuite) -> EvalSuite | None:
        """Return the baseline, or else the newest suite of an earlier version."""
        baseline = await self.baseline()
        if baseline is not None and baseline.id != later.id:
            return baseline
        if later.deployment_version is None:
            return await self._first(col(EvalSuite.id) != later.id)
        return await self._first(col(EvalSuite.deployment_version) < later.deployment_version)

    async def _first(self, *conditions: Any) -> EvalSuite | None:
        query = self._query.where(*conditions)
        query = query.order_by(col(EvalSuite.created_at).desc(), col(EvalSuite.id).desc())
        found: EvalSuite | None = (await self._session.scalars(query.limit(1))).one_or_none()
        return found


async def compare_suites(session: AsyncSession, base: EvalSuite, head: EvalSuite) -> Comparison:
    """Compare two suites that have their numbers."""
    earlier, later = _side(base), _side(head)
    before, after = await _passing(session, base), await _passing(session, head)
    broken = [case for case, passes in before.items() if passes and after.get(case) is False]
    fixed = [case for case, passes in after.items() if passes and before.get(case) is False]
    return Comparison(
        skill=head.skill_name,
        base=earlier,
        head=later,
        deltas=Deltas(
            pass_rate_pct=_difference(later.pass_rate_pct, earlier.pass_rate_pct),
            mean_score=_difference(later.mean_score, earlier.mean_score),
            mean_cost_micros=_whole_difference(later.mean_cost_micros, earlier.mean_cost_micros),
            mean_latency_ms=_whole_difference(later.mean_latency_ms, earlier.mean_latency_ms),
        ),
        regressed=is_worse(Numbers.model_validate(base.summary), Numbers.model_validate(head.summary)),
        broken_cases=broken[:MAX_CASES],
        fixed_cases=fixed[:MAX_CASES],
    )


def is_worse(base: Numbers, head: Numbers) -> bool:
    """Return whether the head passes less often, or scores clearly lower."""
    if (head.pass_rate_pct or 0.0) < (base.pass_rate_pct or 0.0):
        return True
    return base.mean_score is not None and (head.mean_score or 0.0) < base.mean_score - SCORE_TOLERANCE


async def _passing(session: AsyncSession, suite: EvalSuite) -> dict[str, bool]:
    """Return for each case whether it passed in all of its runs whose jobs are still stored."""
    states = await run_states(session, project_id=suite.project_id, suite_id=suite.id)
    cases: dict[str, bool] = {}
    for state in states:
        if _is_known(state):
            cases[state.case_id] = cases.get(state.case_id, True) and state.passed
    return cases


def _is_known(state: RunState) -> bool:
    return state.error is not None or state.finished_at is not None


def _side(suite: EvalSuite) -> ComparedSuite:
    numbers = Numbers.model_validate(suite.summary)
    return ComparedSuite(
        suite_id=suite.id,
        version=suite.deployment_version,
        pass_rate_pct=numbers.pass_rate_pct,
        mean_score=numbers.mean_score,
        mean_cost_micros=numbers.mean_cost_micros,
        mean_latency_ms=numbers.mean_latency_ms,
        is_baseline=suite.is_baseline,
    )


def _difference(head: float | None, base: float | None) -> float | None:
    return None if head is None or base is None else round(head - base, 1)


def _whole_difference(head: int | None, base: int | None) -> int | None:
    return None if head is None or base is None else head - base
