"""Look up the running job that makes a call with its own token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Missing
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest.types import Skill


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a job."""

    job_id: UUID
    attempt: int

    @classmethod
    def of(cls, principal: Principal) -> Self:
        """Return the attempt of a job's token."""
        return cls(principal.id, int(principal.facts["attempt"]))


async def skill_of(session: AsyncSession, principal: Principal) -> Skill | None:
    """Return the skill of the calling job; None if the job or its project is being deleted."""
    job = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
    if job is None:
        return None
    try:
        return (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return None


async def skillpack_of(session: AsyncSession, principal: Principal) -> UUID | None:
    """Return the skillpack of the calling job; None if it was deleted or belongs to another project."""
    query = (
        visible(Job, principal)
        .where(col(Job.id) == principal.id, col(Job.publisher_id).is_(None))
        .with_only_columns(col(Job.skillpack_id))
    )
    found: UUID | None = await session.scalar(query)
    return found
