"""Two suites of one skill side by side, and whether the later one is worse."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.evals.errors import NothingToCompare
from backend.evals.schemas import Comparison, Deltas, Numbers, Side
from backend.evals.summary import End, ends_of
from backend.evals.tables import EvalSuite
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.skillpacks import service as skillpacks

SLACK: Final = 2.0
"""Points of the mean score that a model's moods are good for."""
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
    """What the head's numbers are beside the base's. Each is a version number or a suite's id.

    Without a head it is the newest finished suite; without a base the baseline, else the newest one of an earlier
    version.

    Raises:
        SkillpackNotFound: there is none such.
        NothingToCompare: a side has no finished suite.
    """
    principal.require(Role.VIEWER, "evals:read")
    pack = await skillpacks.get(session, principal, skillpack)
    finished = Finished(session, principal, pack.id, skill)
    later = await finished.named(head) if head else await finished.newest()
    if later is None:
        raise NothingToCompare("head", skill, head)
    earlier = await finished.named(base) if base else await finished.before(later)
    if earlier is None:
        raise NothingToCompare("base", skill, base)
    return await compared(session, earlier, later)


class Finished:
    """The suites of one skill that ended well."""

    def __init__(self, session: AsyncSession, principal: Principal, skillpack_id: UUID, skill: str) -> None:
        self._session = session
        self._query = visible(EvalSuite, principal).where(
            col(EvalSuite.skillpack_id) == skillpack_id,
            col(EvalSuite.skill_name) == skill,
            col(EvalSuite.status) == "succeeded",
        )

    async def newest(self) -> EvalSuite | None:
        """The one that was started last."""
        return await self._first()

    async def named(self, ref: str) -> EvalSuite | None:
        """The one of that id, else the newest of that version."""
        suite_id = skillpacks.as_id(ref)
        if suite_id is not None:
            return await self._first(col(EvalSuite.id) == suite_id)
        if not (len(ref) <= 9 and ref.isascii() and ref.isdecimal()):
            return None
        return await self._first(col(EvalSuite.deployment_version) == int(ref))

    async def baseline(self) -> EvalSuite | None:
        """The one that somebody has found good."""
        return await self._first(col(EvalSuite.is_baseline))

    async def before(self, later: EvalSuite) -> EvalSuite | None:
        """The baseline, else the newest of an earlier version."""
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


async def compared(session: AsyncSession, base: EvalSuite, head: EvalSuite) -> Comparison:
    """Two suites that have their numbers."""
    earlier, later = _side(base), _side(head)
    before, after = await _passing(session, base), await _passing(session, head)
    broken = [case for case, passes in before.items() if passes and after.get(case) is False]
    mended = [case for case, passes in after.items() if passes and before.get(case) is False]
    return Comparison(
        skill=head.skill_name,
        base=earlier,
        head=later,
        deltas=Deltas(
            pass_rate_pct=_less(later.pass_rate_pct, earlier.pass_rate_pct),
            mean_score=_less(later.mean_score, earlier.mean_score),
            mean_cost_micros=_less_whole(later.mean_cost_micros, earlier.mean_cost_micros),
            mean_latency_ms=_less_whole(later.mean_latency_ms, earlier.mean_latency_ms),
        ),
        regressed=is_worse(Numbers.model_validate(base.summary), Numbers.model_validate(head.summary)),
        broken_cases=broken[:MAX_CASES],
        mended_cases=mended[:MAX_CASES],
    )


def is_worse(base: Numbers, head: Numbers) -> bool:
    """Whether the head passes less often, or is clearly judged lower."""
    if (head.pass_rate_pct or 0.0) < (base.pass_rate_pct or 0.0):
        return True
    return base.mean_score is not None and (head.mean_score or 0.0) < base.mean_score - SLACK


async def _passing(session: AsyncSession, suite: EvalSuite) -> dict[str, bool]:
    """Each case, and whether it passed in all of its runs whose jobs are still kept."""
    ends = await ends_of(session, project_id=suite.project_id, suite_id=suite.id)
    cases: dict[str, bool] = {}
    for end in ends:
        if _is_known(end):
            cases[end.case_id] = cases.get(end.case_id, True) and end.passed
    return cases


def _is_known(end: End) -> bool:
    return end.error is not None or end.finished_at is not None


def _side(suite: EvalSuite) -> Side:
    numbers = Numbers.model_validate(suite.summary)
    return Side(
        suite_id=suite.id,
        version=suite.deployment_version,
        pass_rate_pct=numbers.pass_rate_pct,
        mean_score=numbers.mean_score,
        mean_cost_micros=numbers.mean_cost_micros,
        mean_latency_ms=numbers.mean_latency_ms,
        is_baseline=suite.is_baseline,
    )


def _less(head: float | None, base: float | None) -> float | None:
    return None if head is None or base is None else round(head - base, 1)


def _less_whole(head: int | None, base: int | None) -> int | None:
    return None if head is None or base is None else head - base
