"""What the pages know of skills: those of the active versions, and the schemas of any version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from backend.bundles.manifest import Skill
from backend.deployments import service as deployments
from backend.deployments.active import load_deployed_skill
from studio.components.snippets import curl, python
from studio.session import Act
from studio.wording import sample_inputs


@dataclass
class ExampleView:
    """Inputs that the author of a skill suggests."""

    title: str
    description: str
    inputs: dict[str, Any]


@dataclass
class SkillView:
    """What the pages show of a skill."""

    name: str
    title: str = ""
    description: str = ""
    kind: str = ""
    version: str = ""
    skillpack: str = ""
    """Empty: the default one."""
    play: str = ""
    """The end of its playground's address."""
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: list[ExampleView] = field(default_factory=list)


class Schemas(NamedTuple):
    """The schemas of one skill of one version, as its author wrote them."""

    inputs: dict[str, Any]
    outputs: dict[str, Any]


async def active_skills(act: Act) -> list[SkillView]:
    """Every skill that a job can name now."""
    found = await deployments.active_skills(act.session, act.principal)
    return [
        _view(one.skill, one.deployment.version, "" if one.skillpack.is_default else one.skillpack.slug)
        for one in found
    ]


async def active_skill(act: Act, name: str, skillpack: str) -> SkillView:
    """The active version of one skill; of the default skillpack when none is named.

    Raises:
        Missing: no active version has it, or it is not one for jobs.
    """
    resolved = await deployments.get_skill(act.session, act.principal, name, skillpack=skillpack or None)
    return _view(resolved.skill, resolved.version, skillpack)


async def schemas_of(act: Act, deployment_id: UUID, skill_name: str) -> Schemas:
    """The schemas that a job of this deployment ran with."""
    deployed = await load_deployed_skill(act.session, deployment_id, skill_name)
    return Schemas(deployed.skill.input_schema, deployed.skill.output_schema)


def snippet_texts(origin: str, skills: list[SkillView]) -> dict[str, str]:
    """The snippets for the first skill, or for a name to fill in."""
    first = skills[0] if skills else SkillView(name="my-skill")
    inputs = sample_inputs(first.input_schema, [example.inputs for example in first.examples])
    return {
        "curl": curl(origin, first.name, inputs),
        "python": python(origin, first.name, inputs),
    }


def _view(skill: Skill, version: int | None, skillpack: str) -> SkillView:
    return SkillView(
        name=skill.name,
        skillpack=skillpack,
        play=f"{skill.name}?{urlencode({'skillpack': skillpack})}" if skillpack else skill.name,
        title=skill.title or "",
        description=skill.description,
        kind="agent" if skill.is_agentic else "function",
        version="draft" if version is None else f"v{version}",
        input_schema=skill.input_schema,
        output_schema=skill.output_schema,
        examples=[
            ExampleView(example.title or f"Example {number}", example.description, example.inputs)
            for number, example in enumerate(skill.examples, 1)
        ],
    )
