"""Find the jobs of a principal that have written files of the drive.

Importing this module registers the search with the drive, which is in a lower layer and cannot import jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Select, or_, select, text
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.data.drive import access
from backend.data.drive.access import JobFilter, OwnJob
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import (
    Kind,
    Principal,
    placeholder_principal,
    placeholder_values,
    visible,
)

MAX_SEARCHED_JOBS: Final = 1_000
"""For a file without a recorded writer: how many of the newest jobs of a key are searched for it."""


async def find(session: AnySession, principal: Principal, job_filter: JobFilter) -> Sequence[OwnJob]:
    """Return the jobs that the principal submitted, and their subjobs; see `FindOwnJobs`."""
    values = {**placeholder_values(principal), "wanted": job_filter.values}
    rows: Sequence[Any] = (await session.execute(_query(principal.kind, job_filter.by), values)).all()
    return rows


@lru_cache
def _query(kind: Kind, by: str) -> Select[*tuple[Any, ...]]:
    """Return the query of jobs, built once for each kind of principal so that it stays prepared."""
    placeholder = placeholder_principal(kind, sees_own_only=True)
    # Subjobs of a run of a listing hide their content from the caller of the listing.
    is_visible = or_(col(Job.publisher_id).is_(None), col(Job.parent_job_id).is_(None))
    columns = (col(Job.id), col(Job.outputs), col(Job.finished_at))
    query = visible(Job, placeholder).where(is_visible).with_only_columns(*columns)
    if by == "ids":
        return query.where(text("jobs.id = any(cast(:wanted as uuid[]))"))
    newest = query.order_by(col(Job.created_at).desc()).limit(MAX_SEARCHED_JOBS).subquery("newest")
    names_file = text(
        "exists (select from jsonb_array_elements(newest.outputs) as output"
        " where output ->> 'drive_path' = any(cast(:wanted as text[])))"
    )
    return select(newest).where(names_file)


access.use(find)
