"""Read the recent jobs of a skill and their steps, a limited number of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import current_code
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible

MAX_JOBS: Final = 200
MAX_EVENTS: Final = 300
"""Maximum of one job: about 60 steps."""
MAX_PREVIEW: Final = 160

_EVENTS: Final = text("""
select e.job_id, e.type, e.ts, cast(e.payload ->> 'step' as int) as step,
       coalesce(e.payload ->> 'tool', e.payload ->> 'name') as tool, e.payload ->> 'tool_use_id' as tool_use_id,
       e.payload ->> 'ok' as ok, left(e.payload ->> 'preview', :max_preview) as preview,
       cast(e.payload ->> 'input_tokens' as bigint) as input_tokens,
       cast(e.payload ->> 'cache_read_input_tokens' as bigint) as cache_read,
       cast(e.payload ->> 'cache_creation_input_tokens' as bigint) as cache_write,
       cast(e.payload ->> 'billed_micros' as bigint) as billed_micros,
       cast(e.payload ->> 'duration_ms' as float) as duration_ms, e.payload ->> 'label' as label
from unnest(cast(:jobs as uuid[])) as j(id) cross join lateral (
  select * from job_events
  where job_id = j.id and ts >= :since and type in ('model_response', 'tool_started', 'tool_result')
  order by seq limit :max_events
) e
""")


@dataclass(frozen=True, slots=True)
class Run:
    """A job that has ended."""

    id: UUID
    version: int | None
    status: str
    error_code: str | None
    cost_micros: int
    eval_score: int | None
    duration_ms: int | None

    @property
    def succeeded(self) -> bool:
        """Return whether it has a result."""
        return self.status == "succeeded"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the model."""

    job_id: UUID
    step: int
    input_tokens: int
    cache_read: int
    cache_write: int
    billed_micros: int
    duration_ms: float

    @property
    def prompt_tokens(self) -> int:
        """All tokens that the model had to read."""
        return self.input_tokens + self.cache_read + self.cache_write


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that has a result."""

    job_id: UUID
    tool: str
    ok: bool
    preview: str
    billed_micros: int
    duration_ms: float | None
    """None if its start is unknown."""


@dataclass(frozen=True, slots=True)
class RecentJobs:
    """Recent jobs and their steps."""

    runs: list[Run]
    """Newest first."""
    is_capped: bool
    replies: list[Reply]
    """Only replies of a language model."""
    calls: list[Call]


async def read(
    session: AsyncSession, principal: Principal, *, skillpack_id: UUID, skill: str, since: datetime
) -> RecentJobs:
    """Return the newest jobs of the skill that have ended, with the steps of agentic ones."""
    query = visible(Job, principal).where(
        col(Job.skill_name) == skill,
        col(Job.skillpack_id) == skillpack_id,
        col(Job.created_at) >= since,
    )
    columns: list[Any] = [
        *(Job.id, Job.type, Job.deployment_version, Job.status, Job.error_code),
        (col(Job.cost_micros) + col(Job.called_cost_micros)).label("cost_micros"),
        *(Job.eval_score, func.coalesce(col(Job.first_started_at), col(Job.started_at)).label("started_at")),
        Job.finished_at,
    ]
    query = query.order_by(col(Job.created_at).desc()).limit(MAX_JOBS + 1)
    rows = (await session.execute(query.with_only_columns(*columns))).all()
    ended = [row for row in rows[:MAX_JOBS] if row.finished_at is not None]
    agents = [row.id for row in ended if row.type == "agentic"]
    replies, calls = await steps(session, agents, since)
    return RecentJobs([_run(row) for row in ended], len(rows) > MAX_JOBS, replies, calls)


def _run(row: Any) -> Run:
    duration = None if row.started_at is None else row.finished_at - row.started_at
    return Run(
        id=row.id,
        version=row.deployment_version,
        status=row.status,
        error_code=row.error_code and current_code(row.error_code),
        cost_micros=row.cost_micros,
        eval_score=row.eval_score,
        duration_ms=None if duration is None else round(duration.total_seconds() * 1000),
    )


async def steps(
    session: AsyncSession, jobs: Sequence[UUID], since: datetime
) -> tuple[list[Reply], list[Call]]:
    """Return the replies and calls of these jobs, up to a number of events of each."""
    if not jobs:
        return [], []
    values = {"jobs": list(jobs), "since": since, "max_events": MAX_EVENTS, "max_preview": MAX_PREVIEW}
    replies: list[Reply] = []
    calls: list[Call] = []
    started: dict[tuple[UUID, str], datetime] = {}
    for row in (await session.execute(_EVENTS, values)).all():
        if row.type == "tool_started":
            started[row.job_id, row.tool_use_id] = row.ts
        elif row.type == "tool_result":
            calls.append(_call(row, started.pop((row.job_id, row.tool_use_id), None)))
        elif not row.label:
            replies.append(_reply(row))
    return replies, calls


def _reply(row: Any) -> Reply:
    return Reply(
        job_id=row.job_id,
        step=row.step or 0,
        input_tokens=row.input_tokens or 0,
        cache_read=row.cache_read or 0,
        cache_write=row.cache_write or 0,
        billed_micros=row.billed_micros or 0,
        duration_ms=row.duration_ms or 0.0,
    )


def _call(row: Any, started: datetime | None) -> Call:
    return Call(
        job_id=row.job_id,
        tool=row.tool or "",
        ok=row.ok == "true",
        preview=row.preview or "",
        billed_micros=row.billed_micros or 0,
        duration_ms=None if started is None else (row.ts - started).total_seconds() * 1000,
    )
