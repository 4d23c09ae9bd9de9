"""What a running job is, seen from a call that its own code makes."""

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
        """That of a job's token."""
        return cls(principal.id, int(principal.facts["attempt"]))


async def skill_of(session: AsyncSession, principal: Principal) -> Skill | None:
    """The skill of the job that asks; none: the job, or its project, is on its way out."""
    job = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
    if job is None:
        return None
    try:
        return (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return None


async def skillpack_of(session: AsyncSession, principal: Principal) -> UUID | None:
    """The skillpack of the job that asks; none: it is gone, or its code is another project's."""
    query = (
        visible(Job, principal)
        .where(col(Job.id) == principal.id, col(Job.publisher_id).is_(None))
        .with_only_columns(col(Job.skillpack_id))
    )
    found: UUID | None = await session.scalar(query)
    return found
