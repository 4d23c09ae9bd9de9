"""The JSON Schema of skill.yaml, for editors: names, types and one sentence each. The grammar says the rest."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, get_args

from backend.core.names import NAME_PATTERN
from backend.skills.manifest.mcp_servers import MAX_HEADERS
from backend.skills.manifest.types import BuiltIn, RailPoint, RetryReason
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import Catalogue
from backend.skills.schemas.schema_dialect import DIALECT_TYPES

_Schema = dict[str, Any]

_TEXT: Final[_Schema] = {"type": "string"}
_TEXTS: Final[_Schema] = {"type": "array", "items": _TEXT}
_FLAG: Final[_Schema] = {"type": "boolean"}
_VALUE_SCHEMA: Final[_Schema] = {"$ref": "#/$defs/schema"}
_NAME: Final[_Schema] = {"type": "string", "pattern": NAME_PATTERN, "maxLength": 64}
_FUNCTION: Final[_Schema] = {"type": "string", "pattern": r"^[\w./-]+\.py:[A-Za-z_]\w*$"}


def skill_json_schema() -> _Schema:
    """The schema that editors check and complete a skill.yaml with."""
    return _schema(catalog.current())


@lru_cache(maxsize=1)
def _schema(models: Catalogue) -> _Schema:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "skill.yaml",
        "description": "A skill of Puras Studio.",
        **_object(_properties(models), required=["entrypoint", "input_schema", "output_schema"]),
        "$defs": {"schema": _dialect()},
    }


def _properties(models: Catalogue) -> dict[str, _Schema]:
    return {
        "entrypoint": _said("'SKILL.md' for an agent, or 'main.py:run' for a function.", _TEXT),
        "title": _said("What people see.", _TEXT),
        "description": _said("What the skill does, for people and for agents.", _TEXT),
        "input_schema": _said("What goes in.", _VALUE_SCHEMA),
        "output_schema": _said("What comes out.", _VALUE_SCHEMA),
        "examples": _said("Inputs that fit; shown as one-click runs.", _list(_example())),
        "timeout_s": _said("Seconds that a job may run.", {"type": "number", "exclusiveMinimum": 0}),
        "retries": _said("When a job is tried again.", _retries()),
        "limits": _said("What one job may use.", _limits()),
        "network": _said(
            "'public' (every public host, ports 80 and 443), 'none', or the hosts that jobs may reach: "
            "'api.example.org', '*.example.org', 'api.example.org:8443'.",
            {"anyOf": [{"enum": ["none", "public"]}, _TEXTS]},
        ),
        "lane": _said("Group of workers that runs it.", _NAME),
        "model": _said("Language model of an agent.", {"enum": list(models.models)}),
        "text_model": _said("The same as 'model'.", {"enum": list(models.models)}),
        "image_model": _said("Model for images.", {"enum": list(models.media.image)}),
        "video_model": _said("Model for video.", {"enum": list(models.media.video)}),
        "audio_model": _said("Model for audio.", {"enum": list(models.media.audio)}),
        "disable_bash": _said("Take the shell away from the agent.", _FLAG),
        "tools": _said("Tools of the agent beside the built-in ones.", _list(_tool())),
        "allowed_tools": _said("Only these tools are offered; empty: all.", _TEXTS),
        "tool_limits": _said("Most calls per tool.", {"type": "object", "additionalProperties": _whole(1)}),
        "cache_ttl": _said("How long the prompt is cached.", {"enum": ["5m", "1h"]}),
        "routing": _said("When a stronger model takes over.", _routing(models)),
        "rails": _said("Guards on what goes in, comes out, or passes a tool.", _list(_rail())),
        "memory": _said("What the agent has of its project's memory: tools, and a digest.", _memory()),
        "evals": _said("Graders, or a dataset with graders.", {"anyOf": [_list(_grader()), _evals()]}),
        "marketing": _said("What the public page says.", {"type": "object"}),
    }


def _example() -> _Schema:
    values = {"type": "object"}
    return _object(
        {"inputs": values, "title": _TEXT, "description": _TEXT, "outputs": values}, required=["inputs"]
    )


def _retries() -> _Schema:
    seconds = {"type": "number", "minimum": 0}
    factor = {"type": "number", "minimum": 1, "maximum": 10}
    backoff = {"anyOf": [seconds, _object({"initial_s": seconds, "factor": factor, "max_s": seconds})]}
    return _object({"max": _whole(0), "on": _list({"enum": list(get_args(RetryReason))}), "backoff": backoff})


def _limits() -> _Schema:
    cost = {"type": "number", "exclusiveMinimum": 0}
    return _object(
        {
            "steps": _whole(1),
            "tokens": _whole(1),
            "cost_usd": cost,
            "memory_mb": _whole(64),
            "output_mb": _whole(1),
        }
    )


def _tool() -> _Schema:
    shared = {"description": _TEXT, "confirm": _FLAG, "read_only": _FLAG, "idempotent": _FLAG}
    schemas = {"input_schema": _VALUE_SCHEMA, "output_schema": _VALUE_SCHEMA}
    return {
        "anyOf": [
            _object(
                {"name": _NAME, "entrypoint": _FUNCTION, **schemas, **shared},
                required=["name", "entrypoint", "input_schema", "output_schema"],
            ),
            _object({"name": _NAME, "skill": _TEXT, **shared}, required=["name", "skill"]),
            _object({"builtin": {"enum": list(get_args(BuiltIn))}, "confirm": _FLAG}, required=["builtin"]),
            _object({"mcp": _TEXT, "allow": _TEXTS, "headers": _headers(), **shared}, required=["mcp"]),
        ]
    }


def _headers() -> _Schema:
    value = {"type": "string", "pattern": r"^[\x20-\x7e]*$", "minLength": 1}
    return {"type": "object", "additionalProperties": value, "maxProperties": MAX_HEADERS}


def _routing(models: Catalogue) -> _Schema:
    model = {"enum": list(models.models)}
    on = _list({"enum": ["schema_fail"]})
    return _object({"escalate_to": model, "on": on, "after": _whole(1)}, required=["escalate_to"])


def _rail() -> _Schema:
    point = {"enum": list(get_args(RailPoint))}
    return _object(
        {
            "name": _NAME,
            "on": {"anyOf": [point, _list(point)]},
            "action": {"enum": ["block", "redact", "approve"]},
            "pattern": _TEXT,
            "criteria": _TEXT,
            "entrypoint": _FUNCTION,
            "tools": _TEXTS,
            "message": _TEXT,
        },
        required=["name", "on"],
    )


def _memory() -> _Schema:
    fields = {
        "scope": _said("For whom it remembers what has no key.", {"enum": ["skillpack", "workspace"]}),
        "digest": _said("Tell each run what is remembered of its inputs, and what is pinned.", _FLAG),
        "keys": _said("Inputs that say what a job is about; empty: every address and image.", _TEXTS),
        "read_only": _said("Neither memory_put nor memory_forget.", _FLAG),
    }
    return {"anyOf": [_FLAG, _object(fields)]}


def _grader() -> _Schema:
    return _object(
        {
            "name": _NAME,
            "kind": {"enum": ["check", "rubric", "exact_match", "schema"]},
            "weight": {"type": "number", "exclusiveMinimum": 0},
            "entrypoint": _FUNCTION,
            "criteria": _TEXT,
            "levels": {"type": "object"},
            "field": _TEXT,
            "schema": _VALUE_SCHEMA,
        },
        required=["name", "kind"],
    )


def _evals() -> _Schema:
    gate = _object({"threshold": {"type": "number", "minimum": 0, "maximum": 100}, "repeat": _whole(1)})
    return _object({"dataset": _TEXT, "graders": _list(_grader()), "mocks": {"type": "object"}, "gate": gate})


def _dialect() -> _Schema:
    kind = {"enum": sorted(DIALECT_TYPES)}
    named = {"type": "object", "additionalProperties": {"$ref": "#/$defs/schema"}}
    return {
        "type": ["object", "boolean"],
        "properties": {
            "type": {"anyOf": [kind, _list(kind)]},
            "description": _TEXT,
            "properties": named,
            "items": _VALUE_SCHEMA,
            "required": _TEXTS,
            "enum": {"type": "array"},
            "default": {},
            "$defs": named,
        },
    }


def _said(sentence: str, schema: _Schema) -> _Schema:
    return {"description": sentence, **schema}


def _object(properties: dict[str, _Schema], *, required: list[str] | None = None) -> _Schema:
    needed = {"required": required} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False, **needed}


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _whole(least: int) -> _Schema:
    return {"type": "integer", "minimum": least}
