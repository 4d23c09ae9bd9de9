"""Read jobs: one job, or a page of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, bindparam, func, literal_column, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.core.errors import NotAllowed
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.queue_reason import (
    APPROVAL_REASON,
    LISTED_REASON,
    QueueState,
    flow_text,
    reason_text,
    waits_text,
)
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.sorting import NEWEST_FIRST, JobPosition, JobSort, groups_of
from backend.execution.jobs.tables import SIMULATED, SIMULATED_STEPS, Feedback, Job, in_environment
from backend.execution.worker_registry.service import LEASE
from backend.identity.auth.principal import (
    Kind,
    Principal,
    Role,
    placeholder_principal,
    placeholder_values,
    visible,
)
from backend.identity.environments import Environment
from backend.money.admission import can_reserve

_NO_MODEL: Final = "Simulated: no language model ran."
_RESULT_SOURCES: Final = {
    "example": "The result is the output of an example of this skill that has the same inputs.",
    "other_example": "The result is the output of an example of this skill with other inputs. It is not a response to "
    "these inputs.",
    "sample": "The result consists of sample values that are valid for the output schema.",
    SIMULATED_STEPS: "The result contains what simulated steps of the flow returned.",
}


_UNTRIED: Final = (
    "Calls of MCP servers are real: a simulation calls up to five tools, of servers for which Only reads "
    "(`read_only: true`) is set."
)
_MAX_NAMED_TOOLS: Final = 5


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Conditions that the jobs of a list meet."""

    status: str | None = None
    skill: str | None = None
    source: str | None = None
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    session_id: UUID | None = None
    """The session whose turns the jobs are."""
    key: UUID | None = None
    """The API key that submitted the jobs."""
    min_cost_micros: int | None = None
    """Including subjobs."""
    min_seconds: float | None = None
    """From the start to the end, or until now."""
    environment: Environment | None = None
    ids: tuple[UUID, ...] | None = None
    error_signature: str | None = None
    """The reason for which the jobs failed (`failures`)."""
    text: str | None = None
    """A part of the ID, the name of the skill, the error or the metadata."""


async def get_row(session: AsyncSession, principal: Principal, job_id: UUID) -> Job:
    """Return the row of a job.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    job: Job | None = (
        await session.execute(visible(Job, principal).where(col(Job.id) == job_id))
    ).scalar_one_or_none()
    if job is None:
        raise JobNotFound(job_id)
    return job


async def get_job(session: AnySession, principal: Principal, job_id: UUID) -> JobRead:
    """Return a job as the API shows it.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    values = {"job_id": job_id, **placeholder_values(principal)}
    query = _one_job(
        principal.kind, sees_own_only=principal.sees_own_jobs_only, environment=principal.environment
    )
    row = (await session.execute(query, values)).one_or_none()
    if row is None:
        raise JobNotFound(job_id)
    return view(row._asdict(), to_job=principal.kind == "job")


async def list_jobs(
    session: AsyncSession,
    principal: Principal,
    *,
    filters: JobFilter,
    limit: int,
    sort: JobSort = NEWEST_FIRST,
    after: JobPosition | None = None,
) -> list[JobRead]:
    """Return the jobs of the project that the principal can see, in the requested order.

    Args:
        session: The unit of work.
        principal: The caller.
        filters: The conditions that the jobs meet.
        limit: The maximum number of jobs.
        sort: The order; without one, newest first.
        after: The position of the last job of the previous page, in the same order.

    Raises:
        NotAllowed: The principal is a publishable key. Many users share it, and must not see each other's jobs.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    if principal.kind == "publishable_key":
        raise NotAllowed(
            "A publishable key cannot list jobs; it can read jobs by ID. Use a secret key from your server."
        )
    query = visible(Job, principal).where(*conditions(filters)).with_only_columns(*_COLUMNS)
    rows: list[Any] = []
    for group in groups_of(sort, status=filters.status, after=after):
        page = group.restrict(query).limit(limit - len(rows))
        rows += (await session.execute(page)).all()
        if len(rows) >= limit:
            break
    return [view(row._asdict()) for row in rows]


def view(values: dict[str, Any], *, to_job: bool = False) -> JobRead:
    """Return a row as the API shows it.

    Args:
        values: The values of `_COLUMNS`. They are changed.
        to_job: Whether a job reads it. Subjobs of a run of a listing hide their content from other principals.
    """
    queue_state = values.pop("place")
    if values["publisher_id"] is not None and not to_job:
        values |= _OF_PUBLISHER
        if values["parent_job_id"] is not None:
            values |= _HIDDEN
    values["started_at"] = values.pop("first_started_at") or values["started_at"]
    values["attempt"] -= values.pop("continuations")
    bill = values.pop("bill")
    subjobs = {name: values.pop(f"called_{name}") for name in _WITH_SUBJOBS}
    totals = {name: values[name] + amount for name, amount in subjobs.items()}
    return JobRead(
        **{**values, **totals},
        subjob_cost_micros=subjobs["cost_micros"],
        workspace_id=values["project_id"],
        waiting_reason=_waiting_reason(
            values["status"], queue_state, is_listed=values["publisher_id"] is not None
        ),
        cost_usd=totals["cost_micros"] / 1e6,
        billed_to_job_id=None if bill == "own" else values["parent_job_id"],
        simulated=_is_simulated(values["usage"]),
        simulation=_simulation(values["usage"], has_result=values["status"] == "succeeded"),
    )


def _waiting_reason(status: str, queue_state: Any, *, is_listed: bool) -> str | None:
    """Return why a queued or waiting job does not run; the waits of a listing are private to its publisher."""
    if status == "waiting":
        if not queue_state:
            return APPROVAL_REASON
        if isinstance(queue_state, dict):
            waits = queue_state["waits"] or []
            return flow_text(queue_state["jobs"], queue_state["approvals"], [] if is_listed else waits)
        return LISTED_REASON if is_listed else waits_text(queue_state)
    if queue_state is None:
        return None
    not_before = queue_state["not_before"] and datetime.fromisoformat(queue_state["not_before"])
    return reason_text(QueueState(**{**queue_state, "not_before": not_before}))


_FEEDBACK = (
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
def _one_job(kind: Kind, *, sees_own_only: bool, environment: Environment) -> Select[*tuple[Any, ...]]:
    """Return the query of one job for a kind of principal, built once so that its statement stays prepared."""
    anyone = placeholder_principal(kind, sees_own_only=sees_own_only, environment=environment)
    query = visible(Job, anyone).where(col(Job.id) == bindparam("job_id", type_=Uuid))
    return query.with_only_columns(*_COLUMNS)


_HIDDEN: dict[str, Any] = {"inputs": {}, "prompt": None, "result": None, "outputs": [], "metadata": {}}
_OF_PUBLISHER: dict[str, Any] = {"deployment_id": None, "deployment_version": None}
"""Fields that the caller of a listing does not see: the listing has its own versions."""
_QUEUE_STATE: Any = literal_column(f"""
case when jobs.status = 'queued' then (
  select jsonb_build_object(
    'stamp', q.stamp, 'is_quarantined', q.suspect, 'not_before', q.not_before, 'lane', q.lane,
    'admitted', a.admitted, 'concurrency_limit', a.concurrency_limit,
    'has_money',
    q.cap_micros = 0
      or w.balance_micros - w.reserved_micros >= case when jobs.price_micros > 0 then jobs.cap_micros else 1 end,
    'required_micros', case when jobs.price_micros > 0 then jobs.cap_micros else 0 end,
    'can_reserve', {can_reserve("q.cap_micros", "w")}, 'has_worker',
    exists (
      select from workers x
      where q.lane = any(x.lanes) and x.beat_at > now() - interval '{LEASE.total_seconds()} seconds'
    )
  )
  from job_queue q, admissions a, wallets w
  where q.job_id = jobs.id and a.project_id = jobs.project_id and w.project_id = jobs.project_id
) when jobs.status = 'waiting' and jobs.type = 'flow' then (
  select jsonb_build_object(
    'jobs', count(*) filter (where s.child_job_id is not null),
    'approvals', (
      select count(*) from approvals p
      where p.job_id = jobs.id and p.project_id = jobs.project_id and p.status = 'pending'
    ),
    'waits', jsonb_agg(
      jsonb_build_object('event_type', w.event_type, 'wake_at', w.wake_at) order by w.wake_at, w.key
    ) filter (where w.key is not null)
  )
  from flow_steps s left join job_waits w
    on s.kind = 'wait' and w.job_id = s.job_id and w.project_id = s.project_id and w.key = s.step || ':' || s.item
  where s.job_id = jobs.id and s.project_id = jobs.project_id and s.status = 'running'
) when jobs.status = 'waiting' then (
  select jsonb_agg(jsonb_build_object('event_type', s.event_type, 'wake_at', s.wake_at) order by s.wake_at, s.key)
  from job_waits s where s.job_id = jobs.id and s.project_id = jobs.project_id and s.is_suspended
) end
""")  # noqa: S608 - the one interpolated value is a constant
"""The `QueueState` of a queued job, or the waits of a job that has left its worker; for a flow, with the number of its
jobs and approvals. It is part of the query, because
clients read a job directly after submission."""

_COMPUTED = {
    *("workspace_id", "waiting_reason", "cost_usd", "metadata", "feedback", "billed_to_job_id"),
    *("simulated", "simulation", "subjob_cost_micros"),
}
_WITH_SUBJOBS = ("cost_micros", "used_micros", "forgiven_micros")
"""Amounts that include the subjobs."""
STORED: Final = (
    *(name for name in JobRead.model_fields if name not in _COMPUTED),
    *(f"called_{name}" for name in _WITH_SUBJOBS),
    *("bill", "metadata", "publisher_id", "first_started_at", "continuations"),
)
"""Columns of the table that the API shows, or from which it computes what it shows."""
_COLUMNS: tuple[Any, ...] = (
    *(col(Job.job_metadata).label(name) if name == "metadata" else getattr(Job, name) for name in STORED),
    _FEEDBACK.label("feedback"),
    _QUEUE_STATE.label("place"),
)


def conditions(filters: JobFilter) -> list[Any]:
    """Return the conditions of a filter, for a query of jobs."""
    equal = {
        Job.status: filters.status,
        Job.skill_name: filters.skill,
        Job.source: filters.source,
        Job.deployment_version: filters.version,
        Job.session_id: filters.session_id,
        Job.api_key_id: filters.key,
        Job.error_signature: filters.error_signature,
    }
    found: list[Any] = [column == value for column, value in equal.items() if value is not None]
    if filters.ids is not None:
        found.append(col(Job.id).in_(filters.ids))
    if filters.environment is not None:
        found.append(in_environment(filters.environment))
    if filters.since is not None:
        found.append(col(Job.created_at) >= filters.since)
    if filters.until is not None:
        found.append(col(Job.created_at) < filters.until)
    if filters.min_cost_micros is not None:
        found.append(col(Job.cost_micros) + col(Job.called_cost_micros) >= filters.min_cost_micros)
    if filters.min_seconds is not None:
        started_at = func.coalesce(col(Job.first_started_at), col(Job.started_at))
        duration = func.coalesce(col(Job.finished_at), func.now()) - started_at
        found.append(duration >= timedelta(seconds=filters.min_seconds))
    if filters.text:
        found.append(_matches(filters.text))
    return found


def _matches(substring: str) -> Any:
    pattern = "%" + substring.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    columns: list[Any] = [Job.skill_name, Job.error]
    conditions = [column.ilike(pattern) for column in columns]
    conditions.append(text("jobs.metadata::text ilike :pattern").bindparams(pattern=pattern))
    conditions.append(text("jobs.id::text like :id_pattern").bindparams(id_pattern=pattern.lower()))
    return and_(or_(*conditions))


def _is_simulated(usage: Mapping[str, Any]) -> bool:
    """Return whether a simulation replied instead of a language model."""
    return usage.get("label") == SIMULATED


def _simulation(usage: Mapping[str, Any], *, has_result: bool) -> str | None:
    """Return where the result of a simulated job comes from, and what was not tried; None for other jobs."""
    if not _is_simulated(usage):
        return None
    source = _RESULT_SOURCES.get(str(usage.get("simulated_from", ""))) if has_result else None
    untried, failed = _names(usage.get("untried_tools")), _names(usage.get("failed_tools"))
    notes = (
        _NO_MODEL,
        source,
        failed and f"Failed: {failed}. The errors are in the timeline of the job.",
        untried and f"Not called: {untried}. {_UNTRIED}",
    )
    return " ".join(filter(None, notes))


def _names(tools: Sequence[str] | None) -> str:
    """Return the names of tools of MCP servers as text."""
    tools = tools or ()
    more = len(tools) - _MAX_NAMED_TOOLS
    return ", ".join(tools[:_MAX_NAMED_TOOLS]) + (f" and {more} more" if more > 0 else "")
