"""What was spent, by any of day, skill, model, key, version and listing: added up from jobs, or from their calls."""

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

Group = Literal["day", "skill", "model", "key", "version", "listing"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
TOKENS: Final = ("input_tokens", "output_tokens", "cache_write_tokens", "cache_read_tokens")
USUAL: Final = timedelta(days=30)

_OF_JOBS: Final[dict[str, Any]] = {
    "day": func.to_char(func.timezone("UTC", Job.finished_at), "YYYY-MM-DD"),
    "skill": Job.skill_name,
    "key": func.coalesce(Job.submitted_by, ""),
    "listing": Job.listing,
    "version": func.coalesce(cast(Job.deployment_version, Text), "draft"),
}
_OF_CALLS: Final[dict[str, Any]] = {
    **_OF_JOBS,
    "day": func.to_char(func.timezone("UTC", UsageEvent.created_at), "YYYY-MM-DD"),
    "model": func.coalesce(func.nullif(UsageEvent.model, ""), UsageEvent.kind),
}


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage, and by what it is grouped."""

    groups: tuple[str, ...]
    since: datetime
    until: datetime

    @classmethod
    def of(cls, group_by: str, since: datetime | None, until: datetime | None) -> UsageQuery:
        """What a caller wrote: `day,skill`, and two moments.

        Raises:
            Invalid: there is no such group, or the time is empty.
        """
        groups = tuple(dict.fromkeys(name.strip() for name in group_by.split(",") if name.strip()))
        unknown = [name for name in groups if name not in GROUPS]
        if unknown or not groups:
            problem = Problem("query.group_by", f"Give one or more of {', '.join(GROUPS)}, with commas.")
            raise Invalid(f"Usage cannot be grouped by {', '.join(unknown) or 'nothing'!r}.", [problem])
        end = until or now()
        start = since or end - USUAL
        if start >= end:
            raise Invalid(
                "The time that is asked for ends before it begins.",
                [Problem("query.since", "Give a moment before `until`.")],
            )
        return cls(groups, start, end)


async def usage(
    session: AsyncSession, principal: Principal, asked: UsageQuery, page: Page
) -> Slice[UsageRow]:
    """What was spent between two moments, in the order of the groups.

    Grouped by model it is what calls of that time cost, those of running jobs with their price; else what jobs cost
    that ended then.
    """
    principal.require(Role.VIEWER, "billing:read")
    by_call = "model" in asked.groups
    grouped = (_calls(principal, asked) if by_call else _jobs(principal, asked)).subquery()
    names = [grouped.c[f"by_{name}"] for name in asked.groups]
    query = select(grouped).order_by(*names).limit(page.limit + 1)
    after = page.texts(len(names))
    if after is not None:
        query = query.where(tuple_(*names) > tuple_(*after))
    rows = (await session.execute(query)).all()
    shown = [_shown(row, asked.groups, by_call=by_call) for row in rows]
    return page.slice(shown, lambda row: tuple(row.groups.values()))


def _jobs(principal: Principal, asked: UsageQuery) -> Select[Any]:
    columns = [_OF_JOBS[name].label(f"by_{name}") for name in asked.groups]
    return (
        visible(Job, principal)
        .where(col(Job.finished_at) >= asked.since, col(Job.finished_at) < asked.until)
        .with_only_columns(
            *columns,
            func.count().label("jobs"),
            func.count().filter(col(Job.status) == "failed").label("failed"),
            func.sum(Job.cost_micros).label("cost_micros"),
            func.sum(Job.forgiven_micros).label("forgiven_micros"),
        )
        .group_by(*columns)
    )


def _calls(principal: Principal, asked: UsageQuery) -> Select[Any]:
    columns = [_OF_CALLS[name].label(f"by_{name}") for name in asked.groups]
    calls = visible(UsageEvent, principal).where(
        col(UsageEvent.created_at) >= asked.since, col(UsageEvent.created_at) < asked.until
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
            *(func.sum(_quantity(name)).label(name) for name in TOKENS),
        )
        .group_by(*columns)
    )


def _quantity(name: str) -> Any:
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
