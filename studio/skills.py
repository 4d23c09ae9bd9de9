"""The data of skills that the pages show: the skills of active versions, and the schemas of any version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from backend.identity.environments import Environment
from backend.skills.deployments import service as deployments
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks.tables import Skillpack, full_name
from studio.session import Act


@dataclass
class ExampleView:
    """An example of the inputs of a skill."""

    title: str
    description: str
    inputs: dict[str, Any]


@dataclass
class SkillView:
    """The data of a skill that the pages show."""

    name: str
    title: str = ""
    description: str = ""
    kind: str = ""
    version: str = ""
    skillpack: str = ""
    """The slug of the skillpack; empty for the default one."""
    pack: str = ""
    """The slug of the skillpack, also of the default one."""
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: list[ExampleView] = field(default_factory=list)
    full_name: str = field(init=False)
    """The name in API calls: `resize`, or `images/resize` for a skillpack that is not the default one."""
    play: str = field(init=False)
    """The last part of the URL of the playground, with the query."""

    def __post_init__(self) -> None:
        """Derive the full name and the URL of the playground from the skill and its skillpack."""
        self.full_name = full_name(self.name, self.skillpack, is_default=not self.skillpack)
        self.play = f"{self.name}?{urlencode({'skillpack': self.skillpack})}" if self.skillpack else self.name


class Written(NamedTuple):
    """The schemas and limits that the author of a skill has declared in one version."""

    inputs: dict[str, Any]
    """The schema of the inputs."""
    outputs: dict[str, Any]
    limits: dict[str, float]
    """Limits of a job (`memory_mb`, `timeout_s`); a limit is missing if that of the instance applies."""


async def active_skills(act: Act, environment: Environment | None = None) -> list[SkillView]:
    """Return all skills of the versions that are active in an environment, by default in production."""
    found = await deployments.active_skills(act.session, act.principal, environment)
    return [_view(one.skill, one.deployment.version, one.skillpack) for one in found]


async def written_in(act: Act, deployment_id: UUID | None, skill_name: str) -> Written:
    """Return the schemas and limits with which a job of this deployment ran."""
    skill = (await load_deployed_skill(act.session, deployment_id, skill_name)).skill
    ceilings = job_ceilings.current()
    limits = {
        "memory_mb": ceilings.declared(skill.limits).memory_mb,
        "timeout_s": ceilings.declared_timeout_s(skill),
    }
    declared = {name: value for name, value in limits.items() if value is not None}
    return Written(skill.input_schema, skill.output_schema, declared)


def examples_of(skill: Skill) -> list[ExampleView]:
    """Return the examples of a skill, each with a title."""
    return [
        ExampleView(example.title or f"Example {number}", example.description, example.inputs)
        for number, example in enumerate(skill.examples, 1)
    ]


def _view(skill: Skill, version: int | None, pack: Skillpack) -> SkillView:
    return SkillView(
        name=skill.name,
        skillpack="" if pack.is_default else pack.slug,
        pack=pack.slug,
        title=skill.title or "",
        description=skill.description,
        kind={"agentic": "agent", "flow": "flow"}.get(skill.type, "function"),
        version="draft" if version is None else f"v{version}",
        input_schema=skill.input_schema,
        output_schema=skill.output_schema,
        examples=examples_of(skill),
    )
