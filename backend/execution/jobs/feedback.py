"""Ratings of jobs by users."""

from __future__ import annotations

from typing import Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.execution.jobs.errors import TooMuchFeedback
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.schemas import FeedbackCreate, FeedbackRead
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role

MAX_RATINGS: Final = 100
"""Per job. A job shows all its ratings, and an application can name any number of end users."""
_UPSERT = text("""
insert into feedback (id, project_id, job_id, given_by, rating, comment, created_at, updated_at)
select cast(:id as uuid), cast(:project_id as uuid), cast(:job_id as uuid), cast(:given_by as varchar),
       cast(:rating as integer), cast(:comment as varchar), now(), now()
where (
    select count(*) from feedback
    where project_id = :project_id and job_id = :job_id and given_by <> :given_by
) < :maximum
on conflict (job_id, given_by)
do update set rating = excluded.rating, comment = excluded.comment, updated_at = excluded.updated_at
returning job_id, given_by, rating, comment, updated_at
""")


async def rate(
    session: AsyncSession, principal: Principal, job_id: UUID, feedback: FeedbackCreate
) -> FeedbackRead:
    """Store the rating of a user. A later rating by the same user replaces it.

    Raises:
        NotAllowed: The principal is a key that may only read.
        JobNotFound: The principal can see no such job.
        TooMuchFeedback: The job has the maximum number of ratings.
    """
    principal.require(Role.VIEWER, "jobs:submit")
    job = await get_row(session, principal, job_id)
    author = f"end_user:{feedback.end_user_id}" if feedback.end_user_id else principal.label
    rows = await session.execute(
        _UPSERT,
        {
            "id": uuid4(),
            "project_id": job.project_id,
            "job_id": job_id,
            "given_by": author,
            "rating": feedback.rating,
            "comment": feedback.comment or "",
            "maximum": MAX_RATINGS,
        },
    )
    row = rows.one_or_none()
    if row is None:
        raise TooMuchFeedback(MAX_RATINGS)
    await audit.record(
        session, principal, "job.rated", f"job:{job_id}", given_by=author, rating=feedback.rating
    )
    return FeedbackRead.model_validate(dict(row._mapping))
