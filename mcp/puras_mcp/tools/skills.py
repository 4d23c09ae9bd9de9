"""Define the tools that list and describe skills."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from puras_mcp.api import segment
from puras_mcp.cutting import fit
from puras_mcp.offer import READ, Offer
from puras_mcp.paging import by_offset
from puras_mcp.shapes import Prompts, PromptVersion, Skill, SkillLine, Skills
from puras_mcp.tools.about import Offset, SkillName, Skillpack, Version
from puras_mcp.world import Call, api_of


async def list_skills(
    call: Call,
    query: Annotated[str, Field(description="Words in name, title or description; empty: all skills.")] = "",
    offset: Offset = 0,
) -> Skills:
    """List the skills of the active version of every skillpack.

    Call `get_skill` for the input schema before `submit_job`.
    """
    found = [SkillLine(**one) for one in await api_of(call).get("/v1/skills")]
    words = query.lower().split()
    wanted = [one for one in found if all(word in _searchable_text(one) for word in words)]
    page = by_offset(wanted, offset, limit=len(wanted))
    return Skills(skills=page.entries, next_offset=page.next_offset, total=len(wanted))


async def get_skill(call: Call, name: SkillName, skillpack: Skillpack = "", version: Version = None) -> Skill:
    """Read one skill: the JSON Schemas of its inputs and result, examples, model and limits."""
    found = await api_of(call).get(f"/v1/skills/{segment(name)}", skillpack=skillpack, version=version)
    schemas = {"input_schema": found["input_json_schema"], "output_schema": found["output_json_schema"]}
    long = fit({**schemas, "examples": found["examples"]})
    return Skill(**{**found, **long.value, "cuts": long.cuts})


async def get_prompts(
    call: Call,
    name: SkillName,
    skillpack: Skillpack = "",
    number: Annotated[
        int | None,
        Field(description="Number of a version, which is returned with its text; null: all versions.", ge=1),
    ] = None,
) -> Prompts:
    """Read the versions of the prompt of an agent: labels, deployments, success rate, cost and eval score.

    With `number`, only this version, with its text, to compare it with another one.
    """
    path = f"/v1/skills/{segment(name)}/prompts"
    if number is None:
        return Prompts(**await api_of(call).get(path, skillpack=skillpack))
    found = await api_of(call).get(f"{path}/{number}", skillpack=skillpack)
    fitted = fit({"text": found["text"]})
    text = fitted.value["text"] if isinstance(fitted.value, dict) else str(fitted.value)
    version = PromptVersion(**{**found, "text": text, "cuts": fitted.cuts})
    return Prompts(skill=name, skillpack=skillpack, versions=[version])


def _searchable_text(skill: SkillLine) -> str:
    return f"{skill.name} {skill.title or ''} {skill.description}".lower()


LOCAL = HOSTED = (
    Offer(list_skills, "List skills", READ),
    Offer(get_skill, "Read a skill", READ),
    Offer(get_prompts, "Read prompts", READ),
)
