"""What the pages know of skills: those of the active versions, and the schemas of any version."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from backend.skills.deployments import service as deployments
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks.tables import Skillpack, full_name
from studio.session import Act


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
    pack: str = ""
    """The slug of the skillpack, whichever it is."""
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] = field(default_factory=dict)
    examples: list[ExampleView] = field(default_factory=list)
    full_name: str = field(init=False)
    """What it is called by: `resize`, or `images/resize` of another skillpack than the default one."""
    play: str = field(init=False)
    """The end of its playground's address."""

    def __post_init__(self) -> None:
        """Both follow from its own name and its skillpack's."""
        self.full_name = full_name(self.name, self.skillpack, is_default=not self.skillpack)
        self.play = f"{self.name}?{urlencode({'skillpack': self.skillpack})}" if self.skillpack else self.name


class Written(NamedTuple):
    """What one skill of one version says, as its author wrote it."""

    inputs: dict[str, Any]
    """The schema of them."""
    outputs: dict[str, Any]
    limits: dict[str, float]
    """Of a job: `memory_mb`, `timeout_s`; none where the instance's hold."""


async def active_skills(act: Act) -> list[SkillView]:
    """Every skill that a job can name now."""
    found = await deployments.active_skills(act.session, act.principal)
    return [_view(one.skill, one.deployment.version, one.skillpack) for one in found]


async def written_in(act: Act, deployment_id: UUID | None, skill_name: str) -> Written:
    """What a job of this deployment ran with."""
    skill = (await load_deployed_skill(act.session, deployment_id, skill_name)).skill
    most = job_ceilings.current()
    limits = {
        "memory_mb": most.declared(skill.limits).memory_mb,
        "timeout_s": most.declared_timeout_s(skill),
    }
    declared = {name: value for name, value in limits.items() if value is not None}
    return Written(skill.input_schema, skill.output_schema, declared)


def _view(skill: Skill, version: int | None, pack: Skillpack) -> SkillView:
    return SkillView(
        name=skill.name,
        skillpack="" if pack.is_default else pack.slug,
        pack=pack.slug,
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
