"""Reading jobs: one, and lists by page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, func, literal_column, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.core.db.paging import Moment
from backend.core.errors import NotAllowed
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.queue_reason import FOR_CONSENT, Waiting, reason
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.simulation import described, is_simulated
from backend.execution.jobs.tables import Feedback, Job
from backend.execution.worker_registry.service import LEASE
from backend.identity.auth.principal import Kind, Principal, Role, stand_in, visible
from backend.money.admission import is_held


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs of a project a list shows."""

    status: str | None = None
    skill: str | None = None
    source: str | None = None
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    key: UUID | None = None
    """The API key that submitted them."""
    min_cost_micros: int | None = None
    """With what they called."""
    min_seconds: float | None = None
    """From their start to their end, or to now."""
    text: str | None = None
    """Found in the id, the skill's name, the error or the metadata."""


async def get_row(session: AsyncSession, principal: Principal, job_id: UUID) -> Job:
    """The job's row.

    Raises:
        JobNotFound: there is none that the principal may see.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    job: Job | None = (
        await session.execute(visible(Job, principal).where(col(Job.id) == job_id))
    ).scalar_one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    return job


async def get_job(session: AnySession, principal: Principal, job_id: UUID) -> JobRead:
    """The job as it is shown.

    Raises:
        JobNotFound: there is none that the principal may see.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    values = {"job_id": job_id, "project_id": principal.project_id, "principal_id": principal.id}
    query = _one_job(principal.kind, sees_own_only=principal.sees_own_jobs_only)
    row = (await session.execute(query, values)).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return view(row, to_job=principal.kind == "job")


async def list_jobs(
    session: AsyncSession, principal: Principal, *, which: JobFilter, limit: int, below: Moment | None = None
) -> list[JobRead]:
    """The project's jobs that the principal may see, newest first.

    Raises:
        NotAllowed: it is a publishable key, which is in the hands of many people who must not see each other's jobs.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    if principal.kind == "publishable_key":
        raise NotAllowed(
            "A publishable key cannot list jobs; it reads those whose ids it knows. Use a secret key from your server."
        )
    query = visible(Job, principal).where(*_conditions(which))
    if below is not None:
        query = query.where(tuple_(col(Job.created_at), col(Job.id)) < (below.at, below.id))
    query = query.order_by(col(Job.created_at).desc(), col(Job.id).desc()).limit(limit)
    return [view(job) for job in (await session.execute(query.with_only_columns(*_COLUMNS))).all()]


def view(row: Any, *, to_job: bool = False) -> JobRead:
    """The row as every way in shows it; what a run of a listing has called is whole for that run alone."""
    plain = row._asdict()
    place = plain.pop("place")
    if row.publisher_id is not None and not to_job:
        plain |= _OF_PUBLISHER
        if row.parent_job_id is not None:
            plain |= _HIDDEN
    bill = plain.pop("bill")
    called = {name: plain[f"called_{name}"] + plain[name] for name in ("cost_micros", *_OF_CALLED)}
    for name in _OF_CALLED:
        del plain[f"called_{name}"]
    return JobRead(
        **{**plain, **called},
        workspace_id=plain["project_id"],
        waiting_reason=_why(plain["status"], place),
        cost_usd=called["cost_micros"] / 1e6,
        paid_with=None if bill == "own" else plain["parent_job_id"],
        simulated=is_simulated(plain["usage"]),
        simulation=described(plain["usage"]),
    )


def _why(status: str, place: dict[str, Any] | None) -> str | None:
    """Why a job that is queued, or waits for people, does so."""
    if status == "waiting":
        return FOR_CONSENT
    if place is None:
        return None
    not_before = place["not_before"] and datetime.fromisoformat(place["not_before"])
    return reason(Waiting(**{**place, "not_before": not_before}))


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
def _one_job(kind: Kind, *, sees_own_only: bool) -> Select[*tuple[Any, ...]]:
    """What a principal of the kind sees of one job: the gate's own query, built once so that it stays prepared."""
    anyone = stand_in(kind, sees_own_only=sees_own_only)
    query = visible(Job, anyone).where(col(Job.id) == bindparam("job_id", type_=Uuid))
    return query.with_only_columns(*_COLUMNS)


_HIDDEN: dict[str, Any] = {"inputs": {}, "prompt": None, "result": None, "outputs": [], "metadata": {}}
_OF_PUBLISHER: dict[str, Any] = {"deployment_id": None, "deployment_version": None}
"""What a caller of a listing does not see: the listing has versions of its own."""
_PLACE: Any = literal_column(f"""
case when jobs.status = 'queued' then (
  select jsonb_build_object(
    'stamp', q.stamp, 'suspect', q.suspect, 'not_before', q.not_before, 'lane', q.lane, 'admitted', a.admitted,
    'concurrency_limit', a.concurrency_limit,
    'has_money',
    w.balance_micros - w.reserved_micros >= case when jobs.price_micros > 0 then jobs.cap_micros else 1 end,
    'wants_micros', case when jobs.price_micros > 0 then jobs.cap_micros else 0 end,
    'is_held', {is_held("q.cap_micros", "w")}, 'has_worker',
    exists (
      select from workers x
      where q.lane = any(x.lanes) and x.beat_at > now() - interval '{LEASE.total_seconds()} seconds'
    )
  )
  from job_queue q, admissions a, wallets w
  where q.job_id = jobs.id and a.project_id = jobs.project_id and w.project_id = jobs.project_id
) end
""")  # noqa: S608 - the one interpolated value is a constant
"""What is around a job that is queued: read with it, since whoever submits one reads it at once."""

_OTHERWISE = {
    *("workspace_id", "waiting_reason", "cost_usd", "metadata", "feedback", "paid_with"),
    *("simulated", "simulation"),
}
_OF_CALLED = ("used_micros", "forgiven_micros")
"""Amounts that are shown with those of the jobs that it has called."""
_COLUMNS: tuple[Any, ...] = (
    *(getattr(Job, name) for name in JobRead.model_fields if name not in _OTHERWISE),
    *(getattr(Job, f"called_{name}") for name in _OF_CALLED),
    col(Job.bill),
    col(Job.job_metadata).label("metadata"),
    col(Job.publisher_id),
    _GIVEN.label("feedback"),
    _PLACE.label("place"),
)


def _conditions(which: JobFilter) -> list[Any]:
    equal = {
        Job.status: which.status,
        Job.skill_name: which.skill,
        Job.source: which.source,
        Job.deployment_version: which.version,
        Job.api_key_id: which.key,
    }
    conditions: list[Any] = [column == value for column, value in equal.items() if value is not None]
    if which.since is not None:
        conditions.append(col(Job.created_at) >= which.since)
    if which.until is not None:
        conditions.append(col(Job.created_at) < which.until)
    if which.min_cost_micros is not None:
        conditions.append(col(Job.cost_micros) + col(Job.called_cost_micros) >= which.min_cost_micros)
    if which.min_seconds is not None:
        lasted = func.coalesce(col(Job.finished_at), func.now()) - col(Job.started_at)
        conditions.append(lasted >= timedelta(seconds=which.min_seconds))
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
