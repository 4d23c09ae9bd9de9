"""List the durable steps of a job."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Text, case, cast, func, literal, null, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice, cursor_of
from backend.execution.jobs.tables import Job
from backend.execution.steps.schemas import MAX_LISTED_RESULT_BYTES, JobStepRead, StepStatus
from backend.execution.steps.tables import JobStep

_WAITS: Final = text("""
select key, name, event_type is not null as is_event, wake_at, created_at from job_waits
where job_id = :job_id and project_id = :project_id and name = coalesce(cast(:name as text), name)
order by created_at, key
""")
_FIELDS: Final = (
    *("branch", "position", "name", "occurrence", "kind", "attempt", "tries", "started_at", "finished_at"),
)
_STATUSES: Final[dict[str, StepStatus]] = {"started": "running", "finished": "succeeded", "failed": "failed"}


async def list_steps(
    session: AsyncSession, job: Job, *, page: Page, name: str | None = None, status: StepStatus | None = None
) -> Slice[JobStepRead]:
    """Return durable steps of a job in the order of their starts, and then the waits that have not ended.

    Args:
        session: The transaction.
        job: A job that the caller may read.
        page: The requested page.
        name: Only steps with this name, with their whole results.
        status: Only steps with this status.
    """
    first = max(0, page.number() or 0)
    size = func.octet_length(cast(col(JobStep.result), Text))
    is_long = (
        func.coalesce(size > MAX_LISTED_RESULT_BYTES, literal(False)) if name is None else literal(False)
    )
    result = case((is_long, null()), else_=col(JobStep.result))
    columns = (
        *(getattr(JobStep, one) for one in (*_FIELDS, "status", "error")),
        result.label("result"),
        is_long.label("is_long"),
    )
    query = select(*columns).where(col(JobStep.job_id) == job.id)
    if name is not None:
        query = query.where(col(JobStep.name) == name)
    if status is not None:
        stored = [one for one, shown in _STATUSES.items() if shown == status]
        query = query.where(col(JobStep.status).in_(stored))
    query = query.order_by(col(JobStep.started_at), col(JobStep.branch), col(JobStep.position))
    rows = (await session.execute(query.offset(first).limit(page.limit + 1))).all()
    steps = [_of_step(row) for row in rows[: page.limit]]
    if len(rows) > page.limit:
        return Slice(steps, cursor_of(first + page.limit))
    if status in (None, "waiting"):
        values = {"job_id": job.id, "project_id": job.project_id, "name": name}
        waits = (await session.execute(_WAITS, values)).all()
        steps += [_of_wait(row, job.attempt) for row in waits]
    return Slice(steps, None)


def _of_step(row: Any) -> JobStepRead:
    result = row.result
    if row.kind == "event" and isinstance(result, dict):
        result = {name: value for name, value in result.items() if name != "seq"}
    return JobStepRead(
        **{name: getattr(row, name) for name in _FIELDS},
        status=_STATUSES[row.status],
        is_copied=row.attempt == 0,
        result=result,
        has_long_result=row.is_long,
        error=None if row.error is None else f"{row.error.get('type')}: {row.error.get('message')}",
    )


def _of_wait(row: Any, attempt: int) -> JobStepRead:
    branch, _, position = row.key.rpartition(":")
    return JobStepRead(
        branch=branch,
        position=int(position) if position.isdecimal() else 1,
        name=row.name,
        kind="event" if row.is_event else "sleep",
        status="waiting",
        attempt=attempt,
        tries=1,
        result=None,
        started_at=row.created_at,
        finished_at=None,
        wake_at=row.wake_at,
    )
