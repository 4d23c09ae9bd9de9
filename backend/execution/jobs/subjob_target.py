"""What a job may call: a skill of its own deployment or of an active one, a text of the bundle, a prompt of its own."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Missing, NotAllowed
from backend.execution.jobs.callable_skills import called_skills
from backend.execution.jobs.schemas import MAX_NAME
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.marketplace.errors import ListingNotCallable
from backend.skills.bundles import inline_skills
from backend.skills.deployments import manifests
from backend.skills.deployments.active import resolve_skill
from backend.skills.manifest.types import Manifest, Skill


class Described(BaseModel):
    """What a skill is for, takes and gives."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    target: str
    summary: str
    input_schema: dict[str, Any]
    """In plain JSON Schema 2020-12, as is the other."""
    required: list[str]
    output_schema: dict[str, Any]


class Callee(NamedTuple):
    """The skill that is called, and the version that runs it."""

    skill: Skill
    skillpack_id: UUID
    deployment_id: UUID | None
    version: int | None
    model: str | None = None
    """Of an agent that its caller makes: the model that was asked for there."""


async def callee_of(
    session: AnySession,
    principal: Principal,
    caller: Job,
    target: str | None,
    *,
    version: int | None = None,
    is_by_model: bool = False,
) -> Callee:
    """What a job calls by that name, or with a prompt of its own by none.

    A skill is one of the caller's own deployment, else of an active one; a version is an active line's. A subskill is
    called by its parent and by the parent's other subskills alone, by its short name, too. A text and a prompt run as
    agents in the caller's deployment. What a model calls (`is_by_model`) is limited to `CalledSkills`.

    Raises:
        Missing: there is none such, or it is the subskill of another skill.
        CalledSkillNotOnKey: A model calls it, and neither the key nor the calling skill names it.
        Invalid: the text is not of the bundle, or has no versions.
        ListingNotCallable: the caller runs for another project, and may call nothing of that one's.
    """
    manifest = await _manifest(session, caller)
    base = manifest.find(caller.skill_name.partition(":")[0])
    if target is None or inline_skills.is_text(target):
        if version is not None:
            raise Invalid(
                "Only a skill has versions: a text and a prompt run in the version of their caller."
            )
        entry = inline_skills.INLINE if target is None else inline_skills.entry_of(base, target)
        return _made(caller, manifest, entry)
    callable_skills = await called_skills(session, caller, base, is_by_model=is_by_model)
    if version is None:
        family = base and (base.parent_skill or base.name)
        own = manifest.find(f"{family}/{target}") or manifest.find(target)
        if own is not None and own.parent_skill in (None, family):
            callable_skills.check_own(target, own)
            return Callee(own, caller.skillpack_id, caller.deployment_id, caller.deployment_version)
    if caller.publisher_id is not None:
        raise ListingNotCallable.of_caller(target)
    callable_skills.check_name(target)
    found = await resolve_skill(session, principal, skill=target, version=version)
    callable_skills.check_found(target, found)
    return Callee(found.skill, found.skillpack_id, found.deployment_id, found.version)


async def describe(
    session: AsyncSession, principal: Principal, target: str, *, is_by_model: bool = False
) -> Described:
    """What the job would call by that name.

    Raises:
        NotAllowed: who asks is no running job.
        Missing: there is none such.
        Invalid: the text is not of the bundle.
    """
    if principal.kind != "job":
        raise NotAllowed("Only a running job asks this way. Read a skill: GET /v1/skills/{name}.")
    caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
    if caller is None:
        raise Missing("The job that asks is not there any more.")
    skill = (await callee_of(session, principal, caller, target, is_by_model=is_by_model)).skill
    return Described(
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


def _made(caller: Job, manifest: Manifest, entry: str) -> Callee:
    name = inline_skills.name_of(caller.skill_name, entry)
    if len(name) > MAX_NAME:
        raise Invalid(f"The name of the text is too long: {len(entry)} characters.")
    skill = inline_skills.agent_of(name, manifest)
    if skill is None:
        raise Missing(f"The skill {caller.skill_name!r} is not in its deployment any more.")
    return Callee(skill, caller.skillpack_id, caller.deployment_id, caller.deployment_version, caller.model)
