"""What people think of a job's result."""

from __future__ import annotations

from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.auth import audit
from backend.auth.principal import Principal
from backend.jobs.queries import get_row
from backend.jobs.schemas import FeedbackRequest, FeedbackView

_UPSERT = text("""
insert into feedback (id, project_id, job_id, given_by, rating, comment, created_at, updated_at)
values (:id, :project_id, :job_id, :given_by, :rating, :comment, now(), now())
on conflict (job_id, given_by)
do update set rating = excluded.rating, comment = excluded.comment, updated_at = excluded.updated_at
returning job_id, given_by, rating, comment, updated_at
""")


async def give(
    session: AsyncSession, principal: Principal, job_id: UUID, feedback: FeedbackRequest
) -> FeedbackView:
    """Record an opinion; the same person's later one replaces it.

    Raises:
        JobNotFound: there is no such job for the principal.
    """
    job = await get_row(session, principal, job_id)
    who = f"user:{feedback.end_user_id}" if feedback.end_user_id else principal.label
    row = await session.execute(
        _UPSERT,
        {
            "id": uuid4(),
            "project_id": job.project_id,
            "job_id": job_id,
            "given_by": who,
            "rating": feedback.rating,
            "comment": feedback.comment or "",
        },
    )
    await audit.record(session, principal, "job.rated", f"job:{job_id}", given_by=who, rating=feedback.rating)
    return FeedbackView.model_validate(dict(row.one()._mapping))
