"""Agents that no manifest declares: their names, and what they inherit from the skill that creates them."""

from __future__ import annotations

import pytest

from backend.core.errors import Invalid
from backend.skills.bundles import inline_skills
from backend.skills.manifest.types import Example, Limits, Manifest, Rail, Skill, Tool

SKILL = Skill(
    name="sum",
    path="skills/sum",
    entrypoint="prompt.md",
    is_agentic=True,
    input_schema={"type": "object", "properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    output_schema={"type": "object", "properties": {"summary": {"type": "text"}}},
    tools=(Tool(name="pay", entrypoint="pay.py:pay"),),
    examples=(Example(inputs={"topic": "owls"}, outputs={"summary": "Owls."}),),
    network=["example.org"],
    disable_bash=True,
    allowed_tools=("file_read", "run_subagent"),
    tool_limits={"file_read": 3},
    rails=(Rail(name="no-keys", on=("output",), pattern="key"),),
    limits=Limits(steps=4, cost_usd=0.2),
    timeout_s=30,
    lane="gpu",
)
MANIFEST = Manifest(skills=(SKILL,))


@pytest.mark.parametrize("name", ["sum:@inline", "sum:references/check.md"])
def test_agent_of_a_skill_has_the_limits_of_the_skill(name: str) -> None:
    assert SKILL.inputs.check({}).problems  # compiled schemas, which the agent must not inherit
    agent = inline_skills.agent_of(name, MANIFEST)
    assert agent is not None
    bounds = (
        "network",
        "disable_bash",
        "allowed_tools",
        "tool_limits",
        "rails",
        "limits",
        "timeout_s",
        "lane",
        "path",
    )
    assert {field: getattr(agent, field) for field in bounds} == {
        field: getattr(SKILL, field) for field in bounds
    }
    assert (agent.tools, agent.examples, agent.output_schema) == ((), (), {})
    assert agent.inputs.check({"anything": 1}).problems == []


def test_name_without_a_skill_has_no_agent() -> None:
    bare = inline_skills.agent_of("@inline", inline_skills.NO_SKILLS)
    assert bare is not None
    assert (bare.network, bare.disable_bash) == ("public", False)
    assert inline_skills.agent_of("gone:@inline", MANIFEST) is None
    assert inline_skills.agent_of("sum", MANIFEST) is None
    assert inline_skills.agent_of("references/check.md", MANIFEST) is None


def test_agent_of_an_agent_belongs_to_the_skill() -> None:
    assert inline_skills.name_of("sum:references/check.md") == "sum:@inline"
    assert inline_skills.name_of("sum:@inline", "a.md") == "sum:a.md"
    assert inline_skills.name_of("@inline") == "@inline"
    assert inline_skills.name_of("@inline", "a.md") == "@inline:a.md"


@pytest.mark.parametrize("target", ["../../../up.md", "/etc/up.md", "a:b.md", "a\\b.md"])
def test_file_outside_of_the_bundle_is_rejected(target: str) -> None:
    with pytest.raises(Invalid, match="is not in the bundle"):
        inline_skills.entry_of(SKILL, target)


def test_file_next_to_the_skill_is_in_the_bundle() -> None:
    assert inline_skills.entry_of(SKILL, "./references/../a.md") == "a.md"
    assert inline_skills.entry_of(SKILL, "../../shared.md") == "../../shared.md"
    with pytest.raises(Invalid):
        inline_skills.entry_of(None, "../shared.md")
