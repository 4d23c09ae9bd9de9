"""What the columns of a playground can choose: the skill in each version, versions, environments and models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from backend.authoring.drafts import publishing
from backend.core.errors import Missing, NotAllowed
from backend.identity.auth.principal import Role
from backend.identity.environments import PRODUCTION, Environment
from backend.integrations.providers.families import list_families
from backend.skills.deployments import environments
from backend.skills.deployments import service as deployments
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.pages.play.columns import DRAFT, Column
from studio.session import Act
from studio.skills import ExampleView, examples_of

_MAX_VERSIONS: Final = 100
_MAX_NOTES: Final = 40
_ATTACHMENTS: Final = {
    "type": "array",
    "title": "Attachments",
    "description": "Files that the model can read.",
    "items": {"type": "file"},
}


@dataclass
class VersionOption:
    """A version that a column can choose."""

    number: str
    label: str


@dataclass
class ModelOption:
    """A language model that a column can choose."""

    slug: str
    label: str
    has_key: bool


@dataclass(frozen=True)
class Choices:
    """What all columns can choose."""

    versions: list[VersionOption]
    active: str
    """The number of the version that is active in the environment."""
    environments: list[Environment]
    """Those that have a version, production first."""


@dataclass(frozen=True)
class SkillOfVersion:
    """The skill in one version."""

    failure: str = ""
    """Why the version does not have it."""
    title: str = ""
    description: str = ""
    number: str = ""
    is_agent: bool = False
    needs_model: bool = False
    """Whether it, or a step of it, is an agent."""
    model: str = ""
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: list[ExampleView] = field(default_factory=list)

    def shown_in(self, column: Column) -> Column:
        """Return the column with what it shows of the skill."""
        return replace(
            column,
            failure=self.failure,
            number=self.number,
            is_agent=self.is_agent,
            default_model=self.model,
            output_schema=self.output_schema,
        )


async def choices_of(act: Act, skillpack: str, environment: Environment) -> Choices:
    """Return the versions of a skillpack, and the environments in which one is active."""
    pack = await skillpacks.get(act.session, act.principal, skillpack)
    listed = await deployments.list_(act.session, act.principal, skillpack=skillpack, limit=_MAX_VERSIONS)
    active = await environments.all_active(act.session, act.principal, pack)
    numbers: dict[UUID | None, str] = {one.id: str(one.version) for one in listed}
    named = [name for name, version in active.items() if version.active_id is not None]
    return Choices(
        versions=[
            VersionOption(
                str(one.version), f"v{one.version}" + (f" · {one.notes[:_MAX_NOTES]}" if one.notes else "")
            )
            for one in listed
        ],
        active=numbers.get(active[environment].active_id, ""),
        environments=list(dict.fromkeys([PRODUCTION, environment, *named])),
    )


async def models_of(act: Act) -> list[ModelOption]:
    """Return the language models. Viewers, who cannot run a skill, see none."""
    if act.principal.role < Role.DEVELOPER:
        return []
    families = await list_families(act.session, session.context(), act.principal)
    return [
        ModelOption(slug, slug if has_key else f"{slug} · no API key", has_key)
        for one in families
        for has_key in [one.has_own_key or one.has_instance_key]
        for slug in one.models
    ]


async def skill_of(
    act: Act, name: str, *, skillpack: str, version: str, environment: Environment
) -> SkillOfVersion:
    """Return a skill in a version, in the draft, or in the version that is active in an environment."""
    try:
        if version == DRAFT:
            return await _of_draft(act, name, skillpack)
        found = await deployments.get_skill(
            act.session,
            act.principal,
            name,
            skillpack=skillpack,
            version=int(version) if version else None,
            environment=None if version else environment,
        )
    except (Missing, NotAllowed) as failure:
        return SkillOfVersion(failure=failure.detail)
    return _view(found.skill, f"v{found.version}")


async def _of_draft(act: Act, name: str, skillpack: str) -> SkillOfVersion:
    pack = await skillpacks.get(act.session, act.principal, skillpack)
    checked = await publishing.check(act.session, act.principal, pack)
    skills = checked.manifest.skills if checked.manifest is not None else ()
    found = next((one for one in skills if one.name == name), None)
    if found is not None:
        return _view(found, "")
    if checked.problems:
        first = checked.problems[0]
        return SkillOfVersion(failure=f"The draft has problems: {first.path}: {first.message}")
    return SkillOfVersion(failure="The draft does not contain this skill.")


def _view(skill: Skill, number: str) -> SkillOfVersion:
    return SkillOfVersion(
        title=skill.title or "",
        description=skill.description,
        number=number,
        is_agent=skill.is_agentic,
        needs_model=skill.is_agentic or skill.calls_paid_skills,
        model=skill.model or "",
        input_schema=_with_attachments(skill) if skill.is_agentic else skill.input_schema,
        output_schema=skill.output_schema,
        examples=examples_of(skill),
    )


def _with_attachments(skill: Skill) -> dict[str, Any]:
    """Return the input schema of an agent, which accepts attachments even if its schema does not declare them."""
    properties: dict[str, Any] = skill.input_schema.get("properties", {})
    if "attachments" in properties:
        return skill.input_schema
    return {**skill.input_schema, "properties": {**properties, "attachments": _ATTACHMENTS}}
