"""List the durable steps of a job for a principal who may see it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.execution.jobs.queries import get_row
from backend.execution.steps.tables import JobStep
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher

_WAITS: Final = text("""
select key, name, event_type is not null as is_event, wake_at, created_at from job_waits
where job_id = :job_id and project_id = :project_id
  and not exists (select from flow_steps f where f.job_id = job_waits.job_id and f.project_id = job_waits.project_id)
order by created_at, key
""")
"""The waits of the steps of flows are not those of functions."""


async def list_steps(session: AsyncSession, principal: Principal, job_id: UUID) -> list[dict[str, Any]]:
    """Return the steps in the order of their starts, and then the waits that have not ended.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentOwnedByPublisher: The code of the job belongs to another project.
    """
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    query = select(JobStep).where(col(JobStep.job_id) == job_id)
    query = query.order_by(col(JobStep.started_at), col(JobStep.branch), col(JobStep.position))
    steps = [_of_step(step) for step in (await session.scalars(query)).all()]
    values = {"job_id": job_id, "project_id": principal.project_id}
    waits = (await session.execute(_WAITS, values)).all()
    return [*steps, *(_of_wait(row, job.attempt) for row in waits)]


def _of_step(step: JobStep) -> dict[str, Any]:
    result = step.result
    if step.kind == "event" and isinstance(result, dict):
        result = {name: value for name, value in result.items() if name != "seq"}
    return {
        **{name: getattr(step, name) for name in ("branch", "position", "name", "occurrence", "kind")},
        **{name: getattr(step, name) for name in ("status", "attempt", "tries", "started_at", "finished_at")},
        "result": result,
        "error": None if step.error is None else f"{step.error.get('type')}: {step.error.get('message')}",
        "wake_at": None,
    }


def _of_wait(row: Any, attempt: int) -> dict[str, Any]:
    branch, _, position = row.key.rpartition(":")
    return {
        "branch": branch,
        "position": int(position) if position.isdecimal() else 1,
        "name": row.name,
        "occurrence": 1,
        "kind": "event" if row.is_event else "sleep",
        "status": "waiting",
        "attempt": attempt,
        "tries": 1,
        "result": None,
        "error": None,
        "started_at": row.created_at,
        "finished_at": None,
        "wake_at": row.wake_at,
    }
