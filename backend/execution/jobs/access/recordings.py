"""Check that the principal may read the earlier job whose recorded model replies a new job plays."""

from __future__ import annotations

from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.core.errors import NotAllowed
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.model_catalog.recordings import recorded_job


async def check(session: AnySession, principal: Principal, model: str | None) -> None:
    """Reject `recording/<job id>` of a job that the principal may not read, because the replies are its content.

    Raises:
        NotAllowed: The principal is a publishable key, or a key without the scope to read jobs.
        JobNotFound: The principal can see no such job.
    """
    job_id = recorded_job(model)
    if job_id is None:
        return
    if principal.kind == "publishable_key":
        raise NotAllowed(
            f"A publishable key may not play the recording of a job ({model!r}). Omit `model`, name a model, or "
            "use a secret key from your server."
        )
    principal.require(Role.VIEWER, "jobs:read_own")
    seen = visible(Job, principal).where(col(Job.id) == job_id).with_only_columns(col(Job.id))
    if (await session.execute(seen)).first() is None:
        raise JobNotFound(job_id)
