"""Replay a job: run its inputs again as a new job."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import DEFAULTS
from backend.execution.jobs.errors import FlowStepNotReplayed, KernelNotReplayed
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.subjobs.approvals import AGENT_SOURCE
from backend.execution.jobs.submit import JobSpec, Submitted, submit
from backend.execution.journal import turns
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher
from backend.money.pricing import PriceList
from backend.skills.flows import step_skills
from backend.skills.job_limits import JobLimits


async def replay(
    session: AsyncSession,
    principal: Principal,
    job_id: UUID,
    *,
    version: int | None,
    prices: PriceList,
    max_queued: int = DEFAULTS.queued_jobs,
) -> Submitted:
    """Submit the same inputs as a new job, with the given version or with the deployment that the job ran.

    Raises:
        JobNotFound: The principal can see no such job.
        Missing: The version does not exist, or the deployment was deleted and no version is given.
    """
    spec = await replay_spec(session, principal, job_id, version=version, prices=prices)
    return await submit(session, principal, replace(spec, max_queued=max_queued))


async def replay_spec(
    session: AsyncSession, principal: Principal, job_id: UUID, *, version: int | None, prices: PriceList
) -> JobSpec:
    """Return the specification of a job that repeats the inputs of another one.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentIsThePublishers: The job is a subjob of a run of a listing.
        KernelNotReplayed: The job was the kernel of a notebook.
        FlowStepNotReplayed: The job runs a prompt or a function of a flow.
    """
    job = await get_row(session, principal, job_id)
    await audit.record(session, principal, "job.replay_asked", f"job:{job_id}", skill=job.skill_name)
    if job.publisher_id is not None and job.parent_job_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    if job.type == "kernel":
        raise KernelNotReplayed(job_id)
    if step_skills.is_step(job.skill_name):
        raise FlowStepNotReplayed(job_id, job.parent_job_id)
    is_by_agent = job.started_by_agent or job.source == AGENT_SOURCE
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
    if is_offered:  # the same version of the listing, at its current price
        listing_version = version or job.listing_version
        return JobSpec(
            request,
            version=listing_version,
            environment=job.environment,
            replay_of=job.id,
            has_stored_limits=True,
            started_by_agent=is_by_agent,
            prices=prices,
        )
    return JobSpec(
        request,
        skillpack=None if job.deployment_id is None else str(job.skillpack_id),
        version=version,
        deployment_id=None if version is not None else job.deployment_id,
        turn=await turns.of_job(session, job.project_id, job.id) if job.type == "agentic" else None,
        environment=job.environment,
        replay_of=job.id,
        has_stored_limits=True,
        started_by_agent=is_by_agent,
        prices=prices,
    )
