"""Run a skill of the copy of an assistant, as a subjob that reaches nothing outside of its sandbox."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlmodel import col

from backend.context import AppContext
from backend.execution.jobs.subjobs import subagents
from backend.execution.jobs.subjobs.subagents import SubagentCall
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.publishing import push


class Trial(NamedTuple):
    """A run of a skill of the copy."""

    bundle: bytes
    skillpack_id: UUID
    skill: str
    inputs: dict[str, Any]
    key: str
    """Identifies the run. A second request with the same key returns the same job."""
    step: int
    tool_use_id: str
    label: str = ""


async def start(context: AppContext, principal: Principal, trial: Trial) -> UUID:
    """Submit the job of a trial unless it exists, and return its ID. The assistant pays for it.

    Raises:
        BundleInvalid: The copy has problems.
        SkillNotFound: The copy has no such skill.
        Everything that `subagents.call` raises.
    """
    job_id = uuid5(principal.id, trial.key)
    async with context.database.transaction() as session:
        if await session.scalar(visible(Job, principal).where(col(Job.id) == job_id)) is not None:
            return job_id
        stored = await push.push_draft(
            session,
            principal,
            bundle=trial.bundle,
            skillpack=str(trial.skillpack_id),
            storage=context.storage,
            quotas=context.settings.quotas,
            is_trial=True,
        )
        deployment_id = stored.id
    call = SubagentCall(
        trial.skill,
        trial.key,
        trial.inputs,
        label=trial.label,
        tool_use_id=trial.tool_use_id,
        step=trial.step,
        deployment_id=deployment_id,
    )
    return await subagents.call(context, principal, call)
