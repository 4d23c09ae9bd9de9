"""Read the jobs of one skillpack, as text for the assistant."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.execution.events.queries import read_after
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.identity.environments import PRODUCTION, Environment

MAX_LISTED: Final = 20
MAX_EVENTS: Final = 400
MAX_VALUE_CHARACTERS: Final = 2_000
MAX_EVENT_CHARACTERS: Final = 600
MAX_TRACE_CHARACTERS: Final = 5_000
_SKIPPED: Final = frozenset({"queued", "started", "sandbox", "environment", "network", "tool_started"})
"""Events without information for an explanation."""


async def require_job(session: AsyncSession, principal: Principal, skillpack_id: UUID, job_id: UUID) -> None:
    """Require that the principal can read a job, and that the job runs a skill of the skillpack.

    Raises:
        JobNotFound: It does not exist, is not visible, or belongs to another skillpack.
    """
    if await session.scalar(_own(principal, skillpack_id).where(col(Job.id) == job_id)) is None:
        raise JobNotFound(job_id)


async def list_jobs(
    session: AsyncSession,
    principal: Principal,
    skillpack_id: UUID,
    *,
    environment: Environment,
    skill: str | None = None,
    status: str | None = None,
) -> str:
    """Return the newest jobs of the skillpack, one per line."""
    query = _within(_own(principal, skillpack_id), environment)
    if skill is not None:
        query = query.where(col(Job.skill_name) == skill)
    if status is not None:
        query = query.where(col(Job.status) == status)
    newest = query.order_by(col(Job.created_at).desc()).limit(MAX_LISTED)
    jobs: Sequence[Job] = (await session.scalars(newest)).all()
    return "\n".join(map(_line, jobs)) or "(no jobs)"


async def read_job(
    session: AsyncSession, principal: Principal, skillpack_id: UUID, job_id: UUID, *, environment: Environment
) -> str:
    """Return inputs, result, error and events of a job of the skillpack.

    Raises:
        JobNotFound: The skillpack has no such job in an environment that the caller may read.
    """
    query = _within(_own(principal, skillpack_id), environment).where(col(Job.id) == job_id)
    job: Job | None = await session.scalar(query)
    if job is None:
        raise JobNotFound(job_id)
    return await _report(session, job)


async def _report(session: AnySession, job: Job) -> str:
    rows = await read_after(session, job.id, after=max(0, job.event_seq - MAX_EVENTS), limit=MAX_EVENTS)
    parts = [
        f"job: {job.id}",
        f"skill: {job.skill_name}",
        f"status: {job.status}",
        f"inputs: {_json(job.inputs)}",
    ]
    if job.result is not None:
        parts.append(f"result: {_json(job.result)}")
    if job.error:
        parts.append(f"error ({job.error_code}): {_cut(job.error, 2 * MAX_VALUE_CHARACTERS)}")
    return "\n".join([*parts, "events:", _trace(rows)])


def _own(principal: Principal, skillpack_id: UUID) -> Select[Any]:
    """Return the query for jobs of the skillpack, without jobs of assistants and of code of other projects."""
    return visible(Job, principal).where(
        col(Job.skillpack_id) == skillpack_id,
        col(Job.publisher_id).is_(None),
        ~col(Job.skill_name).startswith("@", autoescape=True),
    )


def _within(query: Select[Any], environment: Environment) -> Select[Any]:
    """Return the query for jobs of one environment; in production, the assistant may read all of them."""
    return query if environment == PRODUCTION else query.where(col(Job.environment) == environment)


def _line(job: Job) -> str:
    error = "" if not job.error else f" {job.error_code}: {_cut(' '.join(job.error.split()), 200)}"
    return f"{job.id} {job.created_at:%Y-%m-%d %H:%M} {job.skill_name} {job.status}{error}"


def _trace(rows: Iterable[Any]) -> str:
    """Return the last events, the oldest first."""
    lines: list[str] = []
    size = 0
    for row in reversed(list(rows)):
        if row.type in _SKIPPED:
            continue
        line = f"{row.seq} {row.type} {_cut(_json(row.payload), MAX_EVENT_CHARACTERS)}"
        size += len(line) + 1
        if size > MAX_TRACE_CHARACTERS:
            lines.append("(earlier events are omitted)")
            break
        lines.append(line)
    return "\n".join(reversed(lines)) or "(none)"


def _json(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False), MAX_VALUE_CHARACTERS)


def _cut(text: str, maximum: int) -> str:
    return text if len(text) <= maximum else f"{text[:maximum]}… ({len(text) - maximum:,} more characters)"
