"""Resolve the target of a call: a skill of the caller's deployment or of an active one, a text file, or a prompt."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.attribute_docstrings import Schema
from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Missing, NotAllowed
from backend.execution.jobs.schemas import MAX_NAME
from backend.execution.jobs.subjobs.callable_skills import called_skills
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.marketplace.errors import ListingNotCallable
from backend.skills.bundles import inline_skills
from backend.skills.deployments import manifests
from backend.skills.deployments.active import resolve_skill
from backend.skills.deployments.errors import SkillNotFound
from backend.skills.flows import step_skills
from backend.skills.manifest.types import Manifest, Skill


class SubagentDescriptionRead(Schema):
    """Purpose, inputs and outputs of a skill."""

    target: str
    summary: str
    input_schema: dict[str, Any]
    """JSON Schema 2020-12, like `output_schema`."""
    required: list[str]
    output_schema: dict[str, Any]


class Callee(NamedTuple):
    """The skill that is called, and the version that runs it."""

    skill: Skill
    skillpack_id: UUID
    deployment_id: UUID | None
    version: int | None
    model: str | None = None
    """For an agent that the caller defines by a prompt or a text: the model that was requested for the caller, or for
    the step of a flow."""


async def resolve_callee(
    session: AnySession,
    principal: Principal,
    caller: Job,
    target: str | None,
    *,
    version: int | None = None,
    is_by_model: bool = False,
) -> Callee:
    """Return the skill that a job calls by a name; None as the name means a prompt.

    Skills of the caller's deployment come before active ones; with a `version`, only the project's skillpacks are
    searched. Only the parent of a subskill and its other subskills can call a subskill, also by its short name. Text
    files and prompts run as agents in the caller's deployment. Calls of a model (`is_by_model`) are limited to
    `CalledSkills`.

    Raises:
        Missing: The target does not exist, or is a subskill of another skill.
        CalledSkillNotOnKey: A model calls it, and neither the key nor the calling skill names it.
        Invalid: The text file is not in the bundle, or a version is given for a text or prompt.
        ListingNotCallable: The caller runs for another project and may not call skills of that project.
    """
    manifest = await _manifest(session, caller)
    caller_skill = manifest.find(caller.skill_name.partition(":")[0])
    if target is None or inline_skills.is_text(target):
        if version is not None:
            raise Invalid("Only a skill has versions. A text or a prompt runs in the version of its caller.")
        entry = inline_skills.INLINE if target is None else inline_skills.entry_of(caller_skill, target)
        return _inline_agent(caller, manifest, entry)
    callable_skills = await called_skills(session, caller, caller_skill, is_by_model=is_by_model)
    if version is None:
        family = caller_skill and (caller_skill.parent_skill or caller_skill.name)
        own = manifest.find(f"{family}/{target}") or manifest.find(target)
        if own is not None and own.parent_skill in (None, family):
            callable_skills.check_own(target, own)
            return Callee(own, caller.skillpack_id, caller.deployment_id, caller.deployment_version)
    if caller.publisher_id is not None:
        raise ListingNotCallable.of_caller(target)
    if caller_skill is not None and caller_skill.is_trial:
        raise NotAllowed(
            f"The assistant runs its copy of the draft, which has no skill {target[:100]!r}. Such a run can call only "
            "skills of the same draft."
        )
    callable_skills.check_name(target)
    found = await resolve_skill(
        session, principal, skill=target, version=version, environment=caller.environment
    )
    callable_skills.check_found(target, found)
    return Callee(found.skill, found.skillpack_id, found.deployment_id, found.version)


async def resolve_stored(session: AnySession, caller: Job, name: str, deployment_id: UUID) -> Callee:
    """Return a skill of a deployment that the caller has stored for this call.

    Raises:
        SkillNotFound: The deployment has no such skill.
    """
    known = await manifests.of(session, (deployment_id,))
    manifest = known[deployment_id].manifest if deployment_id in known else inline_skills.NO_SKILLS
    skill = manifest.find(name)
    if skill is None:
        raise SkillNotFound(name, sorted(one.name for one in manifest.skills))
    return Callee(skill, caller.skillpack_id, deployment_id, None)


async def resolve_step(session: AnySession, caller: Job, step_id: str) -> Callee:
    """Return what the job of a step `prompt` or `python` of a flow runs.

    Raises:
        Missing: The deployment of the flow has no such step.
    """
    name = step_skills.name_of(caller.skill_name, step_id)
    skill = step_skills.find(name, await _manifest(session, caller))
    if skill is None:
        raise Missing(f"The step {step_id!r} is not in the deployment of the flow any more.")
    return Callee(skill, caller.skillpack_id, caller.deployment_id, caller.deployment_version, skill.model)


async def describe(
    session: AsyncSession, principal: Principal, target: str, *, is_by_model: bool = False
) -> SubagentDescriptionRead:
    """Describe the skill that the job would call by this name.

    Raises:
        NotAllowed: The principal is not a running job.
        Missing: The target does not exist.
        Invalid: The text file is not in the bundle.
    """
    if principal.kind != "job":
        raise NotAllowed("Only a running job can use this route. Read a skill: GET /v1/skills/{name}.")
    caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
    if caller is None:
        raise Missing("The calling job does not exist any more.")
    skill = (await resolve_callee(session, principal, caller, target, is_by_model=is_by_model)).skill
    return SubagentDescriptionRead(
        target=target,
        summary=skill.description,
        input_schema=skill.input_json_schema,
        required=list(skill.input_schema.get("required", ())),
        output_schema=skill.output_json_schema,
    )


async def _manifest(session: AnySession, caller: Job) -> Manifest:
    if caller.deployment_id is None:
        return inline_skills.NO_SKILLS
    known = (await manifests.of(session, (caller.deployment_id,))).get(caller.deployment_id)
    return inline_skills.NO_SKILLS if known is None else known.manifest


def _inline_agent(caller: Job, manifest: Manifest, entry: str) -> Callee:
    name = inline_skills.name_of(caller.skill_name, entry)
    if len(name) > MAX_NAME:
        raise Invalid(f"The name of the text is too long: {len(entry)} characters.")
    skill = inline_skills.agent_of(name, manifest)
    if skill is None:
        raise Missing(f"The skill {caller.skill_name!r} is not in its deployment any more.")
    return Callee(skill, caller.skillpack_id, caller.deployment_id, caller.deployment_version, caller.model)
