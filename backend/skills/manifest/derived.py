"""Derive a skill from another one, whose files and permissions it has."""

from __future__ import annotations

from typing import Any, Final

from backend.skills.manifest.types import Manifest, Rail, Skill

_NOT_TAKEN_OVER: Final[dict[str, Any]] = {
    "title": None,
    "description": "",
    "parent_skill": None,
    "tools": (),
    "examples": (),
    "evals": (),
    "eval_dataset": None,
    "eval_mocks": {},
    "eval_gate": None,
    "routing": None,
    "marketing": None,
}
"""What describes the other skill itself."""


def derive_skill(base: Skill, **own: Any) -> Skill:
    """Return a skill that is like another one, except for how that one is described.

    Args:
        base: The other skill. The new one has its packages, network, secrets, guardrails, limits and lane. A guardrail
            with a schema of the inputs is not applied: it describes the inputs of the other skill.
        own: The values of the fields that differ.
    """
    taken_over = {field: getattr(base, field) for field in Skill.model_fields}  # without its compiled schemas
    rails = tuple(map(_without_schema_of_inputs, base.rails))
    return Skill(**{**taken_over, **_NOT_TAKEN_OVER, "rails": rails, **own})


def confined(manifest: Manifest) -> Manifest:
    """Return the manifest of files that no user has read: their code reaches nothing outside of its sandbox."""
    return manifest.model_copy(update={"skills": tuple(map(_confined, manifest.skills))})


def _confined(skill: Skill) -> Skill:
    taken_over = {field: getattr(skill, field) for field in Skill.model_fields}
    tools = tuple(tool for tool in skill.tools if not tool.mcp)
    return Skill(
        **{**taken_over, "tools": tools, "network": "none", "memory": None, "lane": None, "origin": "trial"}
    )


def _without_schema_of_inputs(rail: Rail) -> Rail:
    if rail.expected_schema is None:
        return rail
    return rail.model_copy(update={"on": tuple(point for point in rail.on if point != "input")})
