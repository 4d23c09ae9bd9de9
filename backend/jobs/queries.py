"""Reading jobs: one, and lists by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, func, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth.principal import Kind, Principal, Role, visible
from backend.db import AnySession
from backend.errors import NotAllowed
from backend.fleet.service import LEASE
from backend.jobs.errors import JobNotFound
from backend.jobs.schemas import JobView
from backend.jobs.tables import Feedback, Job
from backend.jobs.waiting import FOR_CONSENT, Waiting, reason
from backend.paging import Moment


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a project a list shows."""

    status: str | None = None
    skill: str | None = None
    source: str | None = None
    version: int | None = None
    since: datetime | None = None
    text: str | None = None
    """Found in the id, the skill's name, the error or the metadata."""


_WAITING = text("""
select q.job_id, q.stamp, q.suspect, q.not_before, q.lane, a.admitted, a.concurrency_limit,
       w.balance_micros > w.reserved_micros as has_money,
       exists (select from workers x where q.lane = any(x.lanes) and x.beat_at > now() - :lease) as has_worker
from job_queue q, admissions a, wallets w
where q.job_id = any(:job_ids) and q.project_id = :project_id and a.project_id = :project_id
  and w.project_id = :project_id
""")


async def get_row(session: AsyncSession, principal: Principal, job_id: UUID) -> Job:
    """The job's row.

    Raises:
        JobNotFound: there is none that the principal may see.
    """
    principal.require(Role.VIEWER, "jobs:read")
    job: Job | None = (
        await session.execute(visible(Job, principal).where(col(Job.id) == job_id))
    ).scalar_one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    return job


async def get_job(session: AnySession, principal: Principal, job_id: UUID) -> JobView:
    """The job as it is shown.

    Raises:
        JobNotFound: there is none that the principal may see.
    """
    principal.require(Role.VIEWER, "jobs:read")
    values = {"job_id": job_id, "project_id": principal.project_id, "principal_id": principal.id}
    row = (await session.execute(_one_job(principal.kind), values)).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return view(row, await _reasons(session, [row]))


async def list_jobs(
    session: AsyncSession, principal: Principal, *, which: JobFilter, limit: int, below: Moment | None = None
) -> list[JobView]:
    """The project's jobs, newest first.

    Raises:
        NotAllowed: it is a publishable key, which is in the hands of many people who must not see each other's jobs.
    """
    principal.require(Role.VIEWER, "jobs:read")
    if principal.kind == "publishable_key":
        raise NotAllowed(
            "A publishable key cannot list jobs; it reads those whose ids it knows. Use a secret key from your server."
        )
    query = visible(Job, principal).where(*_conditions(which))
    if below is not None:
        query = query.where(tuple_(col(Job.created_at), col(Job.id)) < (below.at, below.id))
    query = query.order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit)
    jobs = (await session.execute(query.with_only_columns(*_COLUMNS))).all()
    reasons = await _reasons(session, jobs)
    return [view(job, reasons) for job in jobs]


def view(row: Any, reasons: dict[UUID, str]) -> JobView:
    """The row as every way in shows it."""
    plain = row._asdict()
    return JobView(
        **plain,
        workspace_id=plain["project_id"],
        waiting_reason=reasons.get(plain["id"]),
        cost_usd=plain["cost_micros"] / 1e6,
    )


_GIVEN = (
    select(
        func.coalesce(
            func.jsonb_agg(
                func.jsonb_build_object(
                    "given_by",
                    col(Feedback.given_by),
                    "rating",
                    col(Feedback.rating),
                    "comment",
                    col(Feedback.comment),
                )
            ),
            text("'[]'::jsonb"),
        )
    )
    .where(col(Feedback.job_id) == col(Job.id), col(Feedback.project_id) == col(Job.project_id))
    .scalar_subquery()
)


@lru_cache
def _one_job(kind: Kind) -> Select[*tuple[Any, ...]]:
    """What a principal of the kind sees of one job: the gate's own query, built once so that it stays prepared."""
    anyone: Any = Principal(
        kind=kind,
        id=bindparam("principal_id", type_=Uuid),  # type: ignore[arg-type]  # stands for any id
        project_id=bindparam("project_id", type_=Uuid),  # type: ignore[arg-type]
        label="",
        role=Role.VIEWER,
    )
    query = visible(Job, anyone).where(col(Job.id) == bindparam("job_id", type_=Uuid))
    return query.with_only_columns(*_COLUMNS)


_OTHERWISE = {"workspace_id", "waiting_reason", "cost_usd", "metadata", "feedback"}
_COLUMNS: tuple[Any, ...] = (
    *(getattr(Job, name) for name in JobView.model_fields if name not in _OTHERWISE),
    col(Job.job_metadata).label("metadata"),
    _GIVEN.label("feedback"),
)


async def _reasons(session: AnySession, jobs: Sequence[Any]) -> dict[UUID, str]:
    """Why those that are queued, or wait for people, do so; all are of one project."""
    waiting = {job.id: FOR_CONSENT for job in jobs if job.status == "waiting"}
    queued = [job.id for job in jobs if job.status == "queued"]
    if not queued:
        return waiting
    values = {"job_ids": queued, "project_id": jobs[0].project_id, "lease": LEASE}
    rows = await session.execute(_WAITING, values)
    return waiting | {row.job_id: reason(Waiting(**_without_id(row))) for row in rows}


def _without_id(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "job_id"}


def _conditions(which: JobFilter) -> list[Any]:
    equal = {
        Job.status: which.status,
        Job.skill_name: which.skill,
        Job.source: which.source,
        Job.deployment_version: which.version,
    }
    conditions: list[Any] = [column == value for column, value in equal.items() if value is not None]
    if which.since is not None:
        conditions.append(col(Job.created_at) >= which.since)
    if which.text:
        conditions.append(_matches(which.text))
    return conditions


def _matches(words: str) -> Any:
    pattern = "%" + words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    columns: list[Any] = [Job.skill_name, Job.error]
    found = [column.ilike(pattern) for column in columns]
    found.append(text("jobs.metadata::text ilike :pattern").bindparams(pattern=pattern))
    found.append(text("jobs.id::text like :id_pattern").bindparams(id_pattern=pattern.lower()))
    return and_(or_(*found))
