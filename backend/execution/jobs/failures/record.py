"""Record the error of a job that has failed, in the transaction that ends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.execution.jobs.failures.signature import Signature

# An error that is known changes no row, so that jobs that fail at the same time do not wait for each other.
_RECORD: Final = text("""
insert into failure_clusters (project_id, signature, skill_name, error_code, message, frame, first_version,
                              first_seen_at)
select j.project_id, :key, j.skill_name, :error_code, :message, :frame, j.deployment_version, clock_timestamp()
from jobs j where j.id = :job_id and j.project_id = :project_id
on conflict (project_id, signature) do nothing
""")


async def record(session: AnySession, signature: Signature | None, *, project_id: UUID, job_id: UUID) -> None:
    """Remember the error of a job, if there is one and no job of the project has had it before."""
    if signature is None:
        return
    values = {**asdict(signature), "project_id": project_id, "job_id": job_id}
    await session.execute(_RECORD, values)
