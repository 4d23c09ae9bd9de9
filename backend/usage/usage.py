"""Report spending by day, skill, model, key, version, listing or environment, added up from jobs or their calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

from sqlalchemy import BigInteger, Select, Text, cast, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, Problem
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.money.ledger.tables import UsageEvent
from backend.usage.schemas import UsageRow

Group = Literal["day", "skill", "model", "key", "version", "listing", "environment"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
TOKENS: Final = ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens")
DEFAULT_PERIOD: Final = timedelta(days=30)

_OF_JOBS: Final[dict[str, Any]] = {
    "day": func.to_char(func.timezone("UTC", Job.finished_at), "YYYY-MM-DD"),
    "skill": Job.skill_name,
    "key": func.coalesce(Job.submitted_by, ""),
    "listing": Job.listing,
    "environment": Job.environment,
    "version": func.coalesce(cast(Job.deployment_version, Text), "draft"),
}
_OF_CALLS: Final[dict[str, Any]] = {
    **_OF_JOBS,
    "day": func.to_char(func.timezone("UTC", UsageEvent.created_at), "YYYY-MM-DD"),
    "model": func.coalesce(func.nullif(UsageEvent.model, ""), UsageEvent.kind),
}


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """The period of a usage report and the dimensions that group it."""

    groups: tuple[str, ...]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, group_by: str, since: datetime | None, until: datetime | None) -> UsageQuery:
        """Parse the parameters of a request, such as `day,skill` and two times.

        Raises:
            Invalid: A dimension does not exist, or the period is empty.
        """
        groups = tuple(dict.fromkeys(name.strip() for name in group_by.split(",") if name.strip()))
        unknown = [name for name in groups if name not in GROUPS]
        if unknown or not groups:
            problem = Problem("query.group_by", f"Use one or more of {', '.join(GROUPS)}, with commas.")
            raise Invalid(f"Usage cannot be grouped by {', '.join(unknown) or 'nothing'!r}.", [problem])
        end = until or now()
        start = since or end - DEFAULT_PERIOD
        if start >= end:
            raise Invalid(
                "The requested period ends before it starts.",
                [Problem("query.since", "Use a time before `until`.")],
            )
        return cls(groups, start, end)


async def usage(
    session: AsyncSession, principal: Principal, usage_query: UsageQuery, page: Page
) -> Slice[UsageRow]:
    """Return the spending of a period, sorted by the groups.

    Grouped by model, it is the cost of the calls of the period, with the price for those of running jobs. Otherwise it
    is the cost of the jobs that ended in the period.
    """
    principal.require(Role.VIEWER, "billing:read")
    by_call = "model" in usage_query.groups
    grouped = (_calls(principal, usage_query) if by_call else _jobs(principal, usage_query)).subquery()
    names = [grouped.c[f"by_{name}"] for name in usage_query.groups]
    query = select(grouped).order_by(*names).limit(page.limit + 1)
    after = page.texts(len(names))
    if after is not None:
        query = query.where(tuple_(*names) > tuple_(*after))
    rows = (await session.execute(query)).all()
    shown = [_shown(row, usage_query.groups, by_call=by_call) for row in rows]
    return page.slice(shown, lambda row: tuple(row.groups.values()))


def _jobs(principal: Principal, usage_query: UsageQuery) -> Select[Any]:
    columns = [_OF_JOBS[name].label(f"by_{name}") for name in usage_query.groups]
    return (
        visible(Job, principal)
        .where(col(Job.finished_at) >= usage_query.since, col(Job.finished_at) < usage_query.until)
        .with_only_columns(
            *columns,
            func.count().label("jobs"),
            func.count().filter(col(Job.status) == "failed").label("failed"),
            func.sum(Job.cost_micros).label("cost_micros"),
            func.sum(Job.forgiven_micros).label("forgiven_micros"),
        )
        .group_by(*columns)
    )


def _calls(principal: Principal, usage_query: UsageQuery) -> Select[Any]:
    columns = [_OF_CALLS[name].label(f"by_{name}") for name in usage_query.groups]
    calls = visible(UsageEvent, principal).where(
        col(UsageEvent.created_at) >= usage_query.since, col(UsageEvent.created_at) < usage_query.until
    )
    counted = func.count(func.distinct(Job.id))
    return (
        calls.join(Job, col(Job.id) == col(UsageEvent.job_id))
        .with_only_columns(
            *columns,
            counted.label("jobs"),
            counted.filter(col(Job.status) == "failed").label("failed"),
            func.sum(UsageEvent.billed_micros - UsageEvent.waived_micros).label("cost_micros"),
            func.sum(UsageEvent.waived_micros).label("forgiven_micros"),
            func.count().label("calls"),
            *(func.sum(quantity(name)).label(name) for name in TOKENS),
        )
        .group_by(*columns)
    )


def quantity(name: str) -> Any:
    """Return the column of a measured quantity of a call."""
    return cast(col(UsageEvent.quantity)[name].astext, BigInteger)


def _shown(row: Any, groups: Sequence[str], *, by_call: bool) -> UsageRow:
    values = {name: str(getattr(row, f"by_{name}")) for name in groups}
    cost = int(row.cost_micros)
    tokens = {name: int(getattr(row, name) or 0) for name in TOKENS} if by_call else {}
    return UsageRow(
        group=" / ".join(values.values()),
        groups=values,
        jobs=row.jobs,
        failed=row.failed,
        cost_micros=cost,
        cost_usd=cost / 1e6,
        forgiven_micros=int(row.forgiven_micros),
        calls=row.calls if by_call else None,
        **tokens,
    )
