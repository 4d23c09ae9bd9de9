"""Running a job's inputs again."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.auth import audit
from backend.auth.principal import Principal
from backend.jobs.queries import get_row
from backend.jobs.schemas import JobLimits, JobRequest
from backend.jobs.submit import JobSpec, Submitted, submit
from backend.ledger.pricing import PriceList
from backend.limits.quotas import DEFAULTS


async def replay(
    session: AsyncSession,
    principal: Principal,
    job_id: UUID,
    *,
    version: int | None,
    prices: PriceList,
    most_queued: int = DEFAULTS.queued_jobs,
) -> Submitted:
    """Submit the same inputs as a new job: of the given version, else of exactly the deployment that it ran.

    Raises:
        JobNotFound: there is no such job for the principal.
        Missing: the version is not there, or the deployment has been deleted; name a version then.
    """
    spec = await replayed(session, principal, job_id, version=version, prices=prices)
    return await submit(session, principal, replace(spec, most_queued=most_queued))


async def replayed(
    session: AsyncSession, principal: Principal, job_id: UUID, *, version: int | None, prices: PriceList
) -> JobSpec:
    """What has to be submitted to run the job's inputs again.

    Raises:
        JobNotFound: there is no such job for the principal.
    """
    job = await get_row(session, principal, job_id)
    await audit.record(session, principal, "job.replay_asked", f"job:{job_id}", skill=job.skill_name)
    request = JobRequest(
        skill=job.skill_name,
        inputs=job.inputs,
        source="replay",
        priority=job.priority,
        lane=job.lane,
        limits=JobLimits.model_validate(job.limits),
        model=job.model,
        metadata=job.job_metadata,
    )
    return JobSpec(
        request,
        skillpack=str(job.skillpack_id),
        version=version,
        deployment_id=None if version is not None else job.deployment_id,
        replay_of=job.id,
        prices=prices,
    )
