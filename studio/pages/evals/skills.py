"""The skills of the active version, with their graders and gates."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.skills.deployments import service as deployments
from backend.skills.manifest.types import Grader, Skill
from studio.session import Act


@dataclass
class GraderItem:
    """A grader of a skill."""

    name: str
    kind: str
    """With the weight, if it is not 1."""
    rule: str


@dataclass
class SkillItem:
    """A skill whose evals can be shown."""

    name: str = ""
    is_agent: bool = False
    graders: list[GraderItem] = field(default_factory=list)
    has_gate: bool = False
    gate: str = ""
    """The condition of the gate as text."""


@dataclass(frozen=True, slots=True)
class ActiveVersion:
    """The active version of a skillpack; without one, it has no skills."""

    number: int
    skills: list[SkillItem]


async def active_version(act: Act, pack: str) -> ActiveVersion:
    """Return the active version of the skillpack with this slug."""
    active = await deployments.active_skills(act.session, act.principal)
    found = [one for one in active if one.skillpack.slug == pack]
    return ActiveVersion(
        (found[0].deployment.version or 0) if found else 0, [_item(one.skill) for one in found]
    )


def chosen_skill(skills: list[SkillItem], requested: str) -> SkillItem:
    """Return the requested skill, otherwise the first one with graders."""
    fallback = next((one for one in skills if one.graders), skills[0] if skills else SkillItem())
    return next((one for one in skills if one.name == requested), fallback)


def _item(skill: Skill) -> SkillItem:
    gate = skill.eval_gate
    times = "" if gate is None else "once" if gate.repeat == 1 else f"{gate.repeat} times"
    return SkillItem(
        skill.name,
        skill.is_agentic,
        [_grader(one) for one in skill.evals],
        gate is not None,
        ""
        if gate is None
        else f"A version becomes active when at least {gate.threshold:g} % of its runs pass. Each case runs {times}.",
    )


def _grader(grader: Grader) -> GraderItem:
    weight = "" if grader.weight == 1 else f", weight {grader.weight:g}"
    rule = grader.criteria or grader.entrypoint or (f"field {grader.field}" if grader.field else "")
    return GraderItem(grader.name, grader.kind + weight, str(rule))
