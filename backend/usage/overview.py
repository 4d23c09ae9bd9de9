"""Add up the jobs of a project over time: outcomes, durations, cost and tokens, in total and by group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import Integer, Select, Text, cast, func, literal, null
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, Problem
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment
from backend.money.ledger.tables import UsageEvent
from backend.usage.schemas import OverviewNumbers, OverviewPoint, OverviewRead, OverviewSeries
from backend.usage.usage import TOKENS, quantity

OverviewGroup = Literal["skill", "version", "model", "environment"]
GROUPS: Final[tuple[OverviewGroup, ...]] = get_args(OverviewGroup)
MAX_SERIES: Final = 8
"""Groups with the most jobs that have a series of their own."""
MAX_PERIOD: Final = timedelta(days=92)
DEFAULT_PERIOD: Final = timedelta(days=7)
_STEPS_S: Final = (300, 900, 3_600, 6 * 3_600, 86_400)
"""Possible lengths of a slot, in seconds."""
_MAX_POINTS: Final = 100
_DURATION_S: Final = func.extract("epoch", col(Job.finished_at) - col(Job.first_started_at))
_OUTCOMES: Final = (
    func.count().label("jobs"),
    func.count().filter(col(Job.status) == "succeeded").label("succeeded"),
    func.count().filter(col(Job.status) == "failed").label("failed"),
    *(
        func.percentile_cont(part)
        .within_group(_DURATION_S)
        .filter(col(Job.status) == "succeeded")
        .label(name)
        for name, part in (("p50_s", 0.5), ("p95_s", 0.95))
    ),
    func.coalesce(func.sum(Job.cost_micros), 0).label("cost_micros"),
)
_TOKENS: Final = tuple(func.coalesce(func.sum(quantity(name)), 0).label(name) for name in TOKENS)

_GROUP_COLUMNS: Final[Mapping[OverviewGroup, Any]] = {
    "skill": Job.skill_name,
    "version": func.coalesce(cast(Job.deployment_version, Text), "draft"),
    "model": func.coalesce(Job.model, "none"),
    "environment": Job.environment,
}


@dataclass(frozen=True, slots=True)
class OverviewQuery:
    """The period of an overview, and which jobs it adds up."""

    since: datetime
    until: datetime
    skill: str | None = None
    environment: Environment | None = None

    @classmethod
    def of(
        cls,
        since: datetime | None,
        until: datetime | None,
        skill: str | None = None,
        environment: Environment | None = None,
    ) -> OverviewQuery:
        """Return the query for the parameters of a request.

        Raises:
            Invalid: The period is empty or too long.
        """
        end = until or now()
        start = since or end - DEFAULT_PERIOD
        if not timedelta() < end - start <= MAX_PERIOD:
            raise Invalid(
                f"The period must be longer than 0 and at most {MAX_PERIOD.days} days.",
                [Problem("query.since", f"Use a time before `until`, at most {MAX_PERIOD.days} days.")],
            )
        return cls(start, end, skill, environment)

    @property
    def step_s(self) -> int:
        """Return the length of a slot in seconds: the shortest with which the period has few slots."""
        period_s = (self.until - self.since).total_seconds()
        return next((step for step in _STEPS_S if period_s / step <= _MAX_POINTS), _STEPS_S[-1])


async def read(
    session: AsyncSession, principal: Principal, query: OverviewQuery, group: OverviewGroup | None
) -> OverviewRead:
    """Return the jobs that ended in the period, by time slot.

    Args:
        session: A session of the database.
        principal: The caller, who may see only a part of the jobs.
        query: The period and the filters.
        group: Also return a series for each of the groups with the most jobs; None: only the total.
    """
    principal.require(Role.VIEWER, "jobs:read")
    principal.require(Role.VIEWER, "billing:read")
    names: Sequence[str] = []
    if group is None:
        series = await _series(session, principal, query, literal(""))
    else:
        column = _GROUP_COLUMNS[group]
        names = await _largest(session, principal, query, column)
        series = await _series(session, principal, query, column, names)
        series |= await _series(session, principal, query, literal(""))
    return OverviewRead(
        since=query.since,
        until=query.until,
        step_s=query.step_s,
        total=series[""],
        groups=[series[name] for name in names],
    )


async def _largest(
    session: AsyncSession, principal: Principal, query: OverviewQuery, column: Any
) -> Sequence[str]:
    """Return the names of the groups with the most jobs, the largest first."""
    name = column.label("name")
    counted = _jobs(principal, query).with_only_columns(name).group_by(name)
    return (await session.scalars(counted.order_by(func.count().desc(), name).limit(MAX_SERIES))).all()


async def _series(
    session: AsyncSession,
    principal: Principal,
    query: OverviewQuery,
    column: Any,
    names: Sequence[str] = ("",),
) -> dict[str, OverviewSeries]:
    """Return the series of groups by name."""
    name, jobs = column.label("name"), _jobs(principal, query).where(column.in_(names))
    slot, call_slot = (_slot(moment, query) for moment in (col(Job.finished_at), col(UsageEvent.created_at)))
    calls = _calls(principal, query).where(column.in_(names))
    numbers: dict[tuple[str, int | None], dict[str, Any]] = defaultdict(dict)
    for statement in (
        jobs.with_only_columns(name, slot.label("slot"), *_OUTCOMES).group_by(name, slot),
        jobs.with_only_columns(name, null().label("slot"), *_OUTCOMES).group_by(name),
        calls.with_only_columns(name, call_slot.label("slot"), *_TOKENS).group_by(name, call_slot),
        calls.with_only_columns(name, null().label("slot"), *_TOKENS).group_by(name),
    ):
        for row in (await session.execute(statement)).mappings():
            values = {key: value for key, value in row.items() if key not in ("name", "slot")}
            numbers[row["name"], row["slot"]] |= values
    return {one: _one_series(one, numbers, query) for one in names}


def _one_series(
    name: str, numbers: Mapping[tuple[str, int | None], Mapping[str, Any]], query: OverviewQuery
) -> OverviewSeries:
    first, last = (int(moment.timestamp() // query.step_s) for moment in (query.since, query.until))
    return OverviewSeries(
        name=name,
        summary=OverviewNumbers(**numbers.get((name, None), {})),
        points=[
            OverviewPoint(
                starts_at=datetime.fromtimestamp(slot * query.step_s, UTC), **numbers.get((name, slot), {})
            )
            for slot in range(first, last + 1)
        ],
    )


def _slot(moment: Any, query: OverviewQuery) -> Any:
    return cast(func.floor(func.extract("epoch", moment) / query.step_s), Integer)


def _jobs(principal: Principal, query: OverviewQuery) -> Select[Any]:
    """Return the query for the jobs that ended in the period."""
    ended = visible(Job, principal).where(
        col(Job.finished_at) >= query.since, col(Job.finished_at) < query.until
    )
    return _filtered(ended, query)


def _calls(principal: Principal, query: OverviewQuery) -> Select[Any]:
    """Return the query for the model calls of the period, with their jobs."""
    calls = visible(Job, principal).join(UsageEvent, col(UsageEvent.job_id) == col(Job.id))
    of_period = calls.where(
        col(UsageEvent.project_id) == principal.project_id,
        col(UsageEvent.kind) == "model",
        col(UsageEvent.created_at) >= query.since,
        col(UsageEvent.created_at) < query.until,
    )
    return _filtered(of_period, query)


def _filtered(found: Select[Any], query: OverviewQuery) -> Select[Any]:
    if query.skill is not None:
        found = found.where(col(Job.skill_name) == query.skill)
    if query.environment is not None:
        found = found.where(col(Job.environment) == query.environment)
    return found
