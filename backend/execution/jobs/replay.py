"""Running a job's inputs again."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import DEFAULTS
from backend.execution.jobs.approvals import AGENT_SOURCE
from backend.execution.jobs.errors import KernelNotReplayed
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, Submitted, submit
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher
from backend.money.pricing import PriceList
from backend.skills.job_limits import JobLimits


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
        ContentOwnedByPublisher: it was called by a run of a listing.
        KernelNotReplayed: it was the kernel of a notebook.
    """
    job = await get_row(session, principal, job_id)
    await audit.record(session, principal, "job.replay_asked", f"job:{job_id}", skill=job.skill_name)
    if job.publisher_id is not None and job.parent_job_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    if job.type == "kernel":
        raise KernelNotReplayed(job_id)
    by_agent = job.started_by_agent or job.source == AGENT_SOURCE
    is_offered = job.listing_id is not None and job.parent_job_id is None
    request = JobCreate(
        skill=None if is_offered or job.prompt is not None else job.skill_name,
        listing_id=str(job.listing_id) if is_offered else None,
        prompt=job.prompt,
        inputs=job.inputs,
        source="replay",
        priority=job.priority,
        lane=None if is_offered else job.lane,
        limits=JobLimits.model_validate(job.limits),
        model=job.model,
        metadata=job.job_metadata,
    )
    if is_offered:  # of the same version, at the price of now
        same = version or job.listing_version
        return JobSpec(
            request,
            version=same,
            replay_of=job.id,
            has_stored_limits=True,
            started_by_agent=by_agent,
            prices=prices,
        )
    return JobSpec(
        request,
        skillpack=None if job.deployment_id is None else str(job.skillpack_id),
        version=version,
        deployment_id=None if version is not None else job.deployment_id,
        replay_of=job.id,
        has_stored_limits=True,
        started_by_agent=by_agent,
        prices=prices,
    )
