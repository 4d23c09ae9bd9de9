"""Find what the code of a listing may reach: a run consists of the listed skill and of the skills that it may call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal
from urllib.parse import urlsplit

from backend.skills.flows.types import Flow
from backend.skills.manifest.types import Manifest, Skill

Network = Literal["none", "public"] | list[str]


def reached_by(manifest: Manifest, skill: Skill) -> list[Skill]:
    """Return the skills whose code a run may execute.

    The steps of a flow name their skills. Functions and agents, also those of steps, decide while they run which skills
    of their bundle they call. A flow without such steps runs no code of its own.
    """
    found: dict[str, Skill] = {}
    waiting = [skill]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting += _called(manifest, one)
    return [one for one in found.values() if not one.is_flow or _has_own_code(one)]


def network_of(skills: Iterable[Skill]) -> Network:
    """Return the hosts that at least one of the skills may connect to."""
    hosts: set[str] = set()
    for skill in skills:
        if skill.network == "public":
            return "public"
        if skill.network != "none":
            hosts.update(skill.network)
    return sorted(hosts) or "none"


def servers_of(skills: Iterable[Skill]) -> list[str]:
    """Return the hosts of the MCP servers that agents among the skills use."""
    return sorted({urlsplit(tool.mcp).hostname or "" for skill in skills for tool in skill.tools if tool.mcp})


def _called(manifest: Manifest, skill: Skill) -> Iterator[Skill]:
    """Yield the skills of the bundle that a skill may call."""
    family = skill.parent_skill or skill.name
    if not skill.is_flow or _has_own_code(skill):
        yield from (one for one in manifest.skills if one.parent_skill in (None, family))
        return
    for name in _steps(skill):
        called = manifest.find(f"{family}/{name}") or manifest.find(name)
        if called is not None:
            yield called


def _has_own_code(flow: Skill) -> bool:
    """Return whether the flow has prompts or functions of its own."""
    return any(step.kind in ("prompt", "python") for step in Flow.model_validate(flow.flow).walk())


def _steps(flow: Skill) -> Iterator[str]:
    """Yield the names of the skills that a flow runs."""
    for step in Flow.model_validate(flow.flow).walk():
        if step.skill:
            yield step.skill
        if step.compensate is not None and step.compensate.skill:
            yield step.compensate.skill
