"""skill.yaml: every key, and everything that is wrong with it, at once."""

from __future__ import annotations

from typing import Any, NamedTuple

from backend.skills.manifest import (
    agent,
    evals,
    examples,
    execution,
    marketing,
    memory,
)
from backend.skills.manifest.sections import Section
from backend.skills.manifest.skill_reader import FUNCTION, Reading
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.schemas.messages import shown
from backend.skills.schemas.schema_dialect import Schema

AGENTIC_ONLY = ("model", "text_model", "tools", "routing", "memory")
_MEDIA_KINDS: tuple[catalog.MediaKind, ...] = ("image", "video", "audio")


class Entry(NamedTuple):
    """What the entrypoint says."""

    text: str
    is_agentic: bool


def read_skill(reading: Reading) -> Skill | None:
    """The skill that the file describes; None when something of it has to be mended first."""
    document = reading.document
    if document.problems:
        for problem in document.problems:
            reading.findings.error(problem)
        return None
    if not isinstance(document.value, dict):
        kind = shown(document.value)
        problem = document.problem(
            (), f"The file has to be a mapping of keys like 'entrypoint:', not {kind}."
        )
        reading.findings.error(problem)
        return None
    before = len(reading.findings.errors)
    section = Section(document, reading.findings, (), document.value)
    fields = _fields(section, reading)
    section.finish("A skill")
    return Skill(**fields) if len(reading.findings.errors) == before else None


def _fields(section: Section, reading: Reading) -> dict[str, Any]:
    entry = _entrypoint(section, reading)
    input_schema = _input_schema(section, reading, entry)
    output_schema = reading.schema(section, "output_schema")
    fields: dict[str, Any] = {
        "name": reading.folder.name,
        "path": reading.folder.path,
        "parent_skill": reading.folder.parent,
        "entrypoint": entry.text,
        "is_agentic": entry.is_agentic,
        "title": section.text("title", most=200),
        "description": section.loose_text("description"),
        "input_schema": input_schema if input_schema is not None else {},
        "output_schema": output_schema if output_schema is not None else {},
        **_media_models(section),
        **agent.read(section, reading, is_agentic=entry.is_agentic),
        "memory": memory.read(section, reading, entry.text, input_schema),
        **execution.read(section),
        **evals.read(section, reading, input_schema),
        "examples": examples.read(section, input_schema, output_schema, is_agentic=entry.is_agentic),
        "marketing": marketing.read(section),
    }
    if entry.text and not entry.is_agentic:
        _refuse_agentic_keys(section)
    return fields


def _entrypoint(section: Section, reading: Reading) -> Entry:
    text = section.text("entrypoint", is_required=True, most=1_000)
    if text is None:
        return Entry("", is_agentic=False)
    if text.lower().endswith(".md"):
        return Entry(reading.path(section, "entrypoint", text) or text, is_agentic=True)
    if not FUNCTION.match(text):
        section.error(
            "entrypoint",
            f"{shown(text)} is not an entrypoint. Write 'SKILL.md' for an agent, or 'main.py:run' for a function.",
        )
    return Entry(text, is_agentic=False)


def _input_schema(section: Section, reading: Reading, entry: Entry) -> Schema | None:
    schema = reading.schema(section, "input_schema")
    parameters = None
    if FUNCTION.match(entry.text):
        parameters = reading.function(section, "entrypoint", entry.text)
    if schema is None:
        return None
    if schema.get("type", "object") != "object":
        section.error(
            ("input_schema", "type"), "Inputs are always an object. Write 'type: object' with 'properties'."
        )
        return None
    if "properties" not in schema and any(
        isinstance(value, dict) and "type" in value for value in schema.values()
    ):
        section.warn(
            "input_schema", "These look like properties. Put them below 'type: object' and 'properties:'."
        )
    examples.check_defaults(section, schema)
    if parameters is not None:
        examples.check_call(section, schema, parameters)
    return schema


def _media_models(section: Section) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for kind in _MEDIA_KINDS:
        key = f"{kind}_model"
        slug = fields[key] = section.text(key)
        problem = catalog.current().media_problem(slug, kind) if slug else None
        if problem:
            section.error(key, problem)
    return {**fields, "media_kinds": tuple(kind for kind in _MEDIA_KINDS if fields[f"{kind}_model"])}


def _refuse_agentic_keys(section: Section) -> None:
    for key in AGENTIC_ONLY:
        if section.value.get(key):
            section.error(key, f"{key!r} is for agents, and this skill is a function. Remove it.")
    if section.value.get("disable_bash") is True:
        section.error(
            "disable_bash", "'disable_bash' is for agents, and this skill is a function. Remove it."
        )
    for key in ("allowed_tools", "tool_limits", "cache_ttl"):
        if section.value.get(key):
            section.warn(key, f"{key!r} has no effect on a function. Remove it.")
