"""Read the flow.yaml of a skill."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backend.core.errors import Problem, PurasError
from backend.skills.archives.archive import Archive
from backend.skills.flows.checks import check_flow
from backend.skills.flows.types import Flow
from backend.skills.manifest.findings import Findings
from backend.skills.manifest.reader import read_part
from backend.skills.manifest.skill_reader import Reading, Section, SkillFolder
from backend.skills.manifest.types import Skill
from backend.skills.manifest.yaml_document import MAX_DOCUMENT_BYTES, Document, read_document
from backend.skills.schemas.messages import shown


def read_flow(archive: Archive, skill: Skill, skills: Mapping[str, Skill], findings: Findings) -> Flow | None:
    """Return the flow that is the entrypoint of a skill; `None` if something in it must be fixed.

    Args:
        archive: The bundle.
        skill: The skill.
        skills: All skills of the bundle that could be read, by name.
        findings: Gets the problems.
    """
    folder = SkillFolder(skill.name, skill.path, skill.parent_skill)
    document = _document(archive, folder.inside(skill.entrypoint))
    for problem in document.problems:
        findings.error(problem)
    if document.problems:
        return None
    if not isinstance(document.value, dict):
        message = f"The file must be a mapping with 'steps:', not {shown(document.value)}."
        findings.error(document.problem((), message))
        return None
    reading = Reading(archive, folder, document, findings, frozenset(skills))
    before = len(findings.errors)
    flow = read_part(Flow, Section(document, findings, (), document.value, reading))
    if len(findings.errors) > before:
        return None
    check_flow(flow, reading, skill, skills)
    return flow if len(findings.errors) == before else None


def check_cycles(flows: Mapping[str, Flow], skills: Mapping[str, Skill], findings: Findings) -> None:
    """Report flows of a bundle that call each other in a circle."""
    calls = {name: _called(flow, skills[name], flows) for name, flow in flows.items()}
    done: set[str] = set()
    for start in calls:
        for circle in _circles(start, calls, done):
            skill = skills[circle[-2]]
            file = SkillFolder(skill.name, skill.path).inside(skill.entrypoint)
            message = f"These flows call each other in a circle: {' → '.join(circle)}. Remove one call."
            findings.error(Problem(file, message))


def paid_flows(flows: Mapping[str, Flow], skills: Mapping[str, Skill]) -> frozenset[str]:
    """Return the flows with a step that may cost something: an agent, or a skill that is not in the bundle."""
    paid = {name for name, flow in flows.items() if _is_paid(flow, skills[name], skills)}
    while more := {
        name
        for name, flow in flows.items()
        if name not in paid and paid.intersection(_called(flow, skills[name], flows))
    }:
        paid |= more
    return frozenset(paid)


def _is_paid(flow: Flow, skill: Skill, skills: Mapping[str, Skill]) -> bool:
    own = skill.parent_skill or skill.name
    for step in flow.walk():
        called = skills.get(f"{own}/{step.skill}") or skills.get(step.skill or "")
        if step.prompt is not None or (
            step.skill is not None and (called is None or step.version is not None)
        ):
            return True
        if called is not None and _costs(called):
            return True
    return False


def _costs(skill: Skill) -> bool:
    return skill.is_agentic or bool(skill.media_kinds) or skill.is_judged or skill.limits.cost_usd is not None


def _called(flow: Flow, skill: Skill, flows: Mapping[str, Flow]) -> list[str]:
    """Return the flows that a flow calls; a call of itself is reported where it is."""
    own = skill.parent_skill or skill.name
    names = [step.skill for step in flow.walk() if step.skill and step.version is None]
    found = (f"{own}/{name}" if f"{own}/{name}" in flows else name for name in names)
    return list(dict.fromkeys(name for name in found if name in flows and name != skill.name))


def _circles(start: str, calls: Mapping[str, Sequence[str]], done: set[str]) -> Iterator[list[str]]:
    """Yield the circles that a search in depth from a flow finds."""
    trail: list[tuple[str, Iterator[str]]] = [] if start in done else [(start, iter(calls[start]))]
    while trail:
        current, rest = trail[-1]
        following = next(rest, None)
        names = [name for name, _ in trail]
        if following is None:
            trail.pop()
            done.add(current)
        elif following in names:
            yield [*names[names.index(following) :], following]
        elif following not in done:
            trail.append((following, iter(calls[following])))


def _document(archive: Archive, file: str) -> Document:
    try:
        return read_document(file, archive.read(file, max_bytes=MAX_DOCUMENT_BYTES))
    except PurasError as error:
        return Document(file, problems=[Problem(file, error.detail)])
