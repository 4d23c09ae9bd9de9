"""Read a skill.yaml: its keys, and the rules that concern several of them."""

from __future__ import annotations

from typing import Any, Final, get_args

from backend.skills.manifest import agent, evals, examples, guardrails, job_ceilings
from backend.skills.manifest.files import Evals, SkillFile
from backend.skills.manifest.functions import FUNCTION
from backend.skills.manifest.keys import Part
from backend.skills.manifest.reader import add_rules, read_part
from backend.skills.manifest.skill_reader import Reading, Section
from backend.skills.manifest.types import (
    Example,
    Grader,
    Limits,
    MemoryUse,
    Rail,
    Retries,
    Routing,
    Skill,
    SkillKeys,
    Tool,
)
from backend.skills.model_catalog.catalog import MediaKind
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import Schema

_OF_AGENTS: Final = ("model", "text_model", "tools", "routing", "memory", "disable_bash")


def read_skill(reading: Reading) -> Skill | None:
    """Return the skill that the file describes; `None` if something in it must be fixed."""
    document = reading.document
    if document.problems:
        for problem in document.problems:
            reading.findings.error(problem)
        return None
    if not isinstance(document.value, dict):
        message = f"The file must be a mapping of keys like 'entrypoint:', not {shown(document.value)}."
        reading.findings.error(document.problem((), message))
        return None
    before = len(reading.findings.errors)
    keys = read_part(SkillFile, Section(document, reading.findings, (), document.value, reading))
    return _skill(keys, reading) if len(reading.findings.errors) == before else None


def _skill(keys: SkillFile, reading: Reading) -> Skill:
    """Return the skill as it is stored."""
    declared: dict[str, Any] = {name: getattr(keys, name) for name in SkillKeys.model_fields}
    judged = keys.evals or Evals()
    return Skill(
        **declared | {"model": keys.model or keys.text_model},
        name=reading.folder.name,
        path=reading.folder.path,
        parent_skill=reading.folder.parent,
        is_agentic=reading.is_agentic,
        media_kinds=tuple(kind for kind in get_args(MediaKind) if declared[f"{kind}_model"]),
        evals=judged.graders,
        eval_dataset=judged.dataset,
        eval_mocks=judged.mocks,
        eval_gate=judged.gate,
    )


def _check_skill(skill: SkillFile, section: Section) -> SkillFile:
    """Apply the rules that concern several keys of a skill."""
    reading = section.reading
    entrypoint = skill.entrypoint or ""
    if reading.is_agentic or reading.is_flow:
        entrypoint = reading.path(section, "entrypoint", entrypoint) or entrypoint
    elif entrypoint and not FUNCTION.match(entrypoint):
        forms = "Write 'SKILL.md' for an agent, 'main.py:run' for a function, or 'flow.yaml' for a flow."
        section.error("entrypoint", f"{shown(entrypoint)} is not a valid entrypoint. {forms}")
    elif entrypoint:
        reading.check_function(section, "entrypoint", entrypoint)
    if skill.input_schema is not None:
        _check_input_schema(skill.input_schema, section, entrypoint)
    agent.check_models(skill, section)
    agent.check_agent(skill, section)
    _check_ceilings(skill, section)
    if entrypoint and not reading.is_agentic:
        _reject_keys_of_agents(section)
    found = skill.memory or agent.memory_without_key(section, reading, entrypoint)
    fallbacks = agent.fallback_models(section)
    return skill.model_copy(update={"entrypoint": entrypoint, "memory": found, "fallback_models": fallbacks})


def _check_input_schema(schema: Schema, section: Section, entrypoint: str) -> None:
    if schema.get("type", "object") != "object":
        message = "Inputs are always an object. Write 'type: object' with 'properties'."
        section.error(("input_schema", "type"), message)
        return
    inner = schema.values()
    if "properties" not in schema and any(isinstance(value, dict) and "type" in value for value in inner):
        message = "These look like properties. Move them below 'type: object' and 'properties:'."
        section.warn("input_schema", message)
    examples.check_defaults(section, schema)
    parameters = section.reading.parameters(entrypoint)
    if parameters is not None:
        examples.check_call(section, schema, parameters)


def _reject_keys_of_agents(section: Section) -> None:
    kind = "flow" if section.reading.is_flow else "function"
    for key in _OF_AGENTS:
        if section.value.get(key):
            section.error(key, f"{key!r} is only for agents, and this skill is a {kind}. Remove it.")
    for key in ("allowed_tools", "tool_limits", "cache_ttl"):
        if section.value.get(key):
            section.warn(key, f"{key!r} has no effect on a {kind}. Remove it.")


def _check_ceilings(part: Part, section: Section) -> None:
    """Report values above the operator's ceilings. Defaults are lowered to them when a job runs."""
    for key in job_ceilings.SETTINGS.keys() & type(part).model_fields.keys() & section.value.keys():
        value, ceiling = getattr(part, key), job_ceilings.current().ceiling(key)
        if value is not None and value > ceiling and value == section.value[key]:
            section.error(key, f"{key!r}: {job_ceilings.declared_too_high(key, value, ceiling).message}")


def _check_limits(limits: Limits, section: Section) -> Limits:
    """Report limits above the operator's ceilings."""
    _check_ceilings(limits, section)
    return limits


def _check_retries(retries: Retries, section: Section) -> Retries:
    """Report too many retries, and warn of settings that are probably not intended."""
    _check_ceilings(retries, section)
    value = section.value
    if section.reading.is_flow:
        _check_retries_of_flow(retries, section)
    elif retries.max == value.get("max") and "on" not in value:
        message = "Only jobs whose worker was lost are retried. Add 'on: [error, timeout]' to retry others."
        section.warn("max", message)
    backoff = value.get("backoff")
    if isinstance(backoff, dict) and backoff.get("initial_s") is None:
        start = retries.backoff.model_copy(update={"initial_s": 1.0})
        return retries.model_copy(update={"backoff": start})
    return retries


def _check_retries_of_flow(retries: Retries, section: Section) -> None:
    """Reject retries that would repeat nothing: the failures of steps are stored, and a failed flow is undone."""
    repeated = [reason for reason in retries.on if reason != "worker_lost"]
    if repeated and "on" in section.value:
        section.error(
            "on",
            f"A flow is not retried on {repeated[0]!r}: its finished steps are stored. Write 'retries' in the steps of "
            "the flow.yaml that are to be repeated, and remove it here.",
        )
    elif "max" in section.value and "on" not in section.value:
        section.warn(
            "max",
            "This is how often a flow continues after its worker was lost. To repeat failed steps, write 'retries' in "
            "the flow.yaml.",
        )


add_rules(
    {
        Evals: evals.check_evals,
        Example: examples.check_example,
        Grader: evals.check_grader,
        Limits: _check_limits,
        MemoryUse: agent.check_memory,
        Rail: guardrails.check_rail,
        Retries: _check_retries,
        Routing: agent.check_routing,
        SkillFile: _check_skill,
        Tool: agent.check_tool,
    }
)
