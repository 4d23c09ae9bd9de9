"""Count the recent jobs of a project in time slots of equal length."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import computed_field
from sqlalchemy import Integer, cast, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.attribute_docstrings import Schema
from backend.core.clock import now
from backend.core.errors import NotAllowed
from backend.core.schemas import DEPRECATED
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible

MAX_HOURS: Final = 168
MAX_BARS: Final = 168


class JobActivityRead(Schema):
    """The jobs that were submitted in one time slot."""

    starts_at: datetime
    jobs: int
    succeeded: int
    failed: int
    cost_micros: int
    """Their cost. Subjobs are counted separately."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def begins_at(self) -> datetime:
        """The former name of `starts_at`. Removed in 0.3."""
        return self.starts_at


async def bars(
    session: AsyncSession, principal: Principal, *, hours: int = 24, count: int = 48
) -> Sequence[JobActivityRead]:
    """Return `count` slots of the last `hours`, oldest first, including those without jobs.

    Slots start at multiples of their length, so that a job stays in the same slot.

    Raises:
        NotAllowed: The principal is a publishable key, which cannot list jobs.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    if principal.kind == "publishable_key":
        raise NotAllowed("A publishable key cannot list jobs. Use a secret key from your server.")
    step_s = hours * 3600 / count
    last = int(now().timestamp() // step_s)
    first = last - count + 1
    slot: Any = cast(func.floor(func.extract("epoch", col(Job.created_at)) / step_s), Integer)
    query = (
        visible(Job, principal)
        .where(col(Job.created_at) >= _slot_start(first, step_s))
        .with_only_columns(
            slot.label("slot"),
            func.count().label("jobs"),
            func.count().filter(col(Job.status) == "succeeded").label("succeeded"),
            func.count().filter(col(Job.status) == "failed").label("failed"),
            func.coalesce(func.sum(Job.cost_micros), 0).label("cost_micros"),
        )
        .group_by(slot)
    )
    rows_by_slot = {row.slot: row for row in (await session.execute(query)).all()}
    return [_bar(rows_by_slot.get(number), _slot_start(number, step_s)) for number in range(first, last + 1)]


def _bar(row: Any, starts_at: datetime) -> JobActivityRead:
    if row is None:
        return JobActivityRead(starts_at=starts_at, jobs=0, succeeded=0, failed=0, cost_micros=0)
    return JobActivityRead(
        starts_at=starts_at,
        jobs=row.jobs,
        succeeded=row.succeeded,
        failed=row.failed,
        cost_micros=int(row.cost_micros),
    )


def _slot_start(number: int, step_s: float) -> datetime:
    return datetime.fromtimestamp(0, tz=now().tzinfo) + timedelta(seconds=number * step_s)
