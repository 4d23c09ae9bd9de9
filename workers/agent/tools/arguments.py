"""Validate the arguments of tool calls.

They are corrected if the meaning is clear, and rejected with a message otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from backend.skills.schemas.schema_dialect import Schema, to_json_schema
from backend.skills.schemas.value_schemas import InputSchema
from workers.agent.types import ToolCall, ToolError
from workers.llm.types import ToolSpec

_STRUCTURED: Final = frozenset({"object", "array", "image", "video", "audio", "file"})
_MAX_PROBLEMS: Final = 5


class Arguments:
    """The arguments of one tool, by its schema."""

    def __init__(self, schema: Schema) -> None:
        self._properties = schema.get("properties") or {}
        self._schema = InputSchema(schema)

    def of(self, call: ToolCall) -> dict[str, Any]:
        """Return the call's arguments, with defaults.

        Raises:
            ToolError: they do not match the schema.
        """
        checked = self._schema.check(self._parsed(call.input))
        if checked.problems:
            shown = [f"{problem.path}: {problem.message}" for problem in checked.problems[:_MAX_PROBLEMS]]
            raise ToolError("\n".join(shown))
        value: dict[str, Any] = checked.value
        return value

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as `of` returns them; those that it rejects, without defaults."""
        parsed = self._parsed(arguments)
        checked = self._schema.check(parsed)
        return parsed if checked.problems else dict(checked.value)

    def _parsed(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._meant(name, value) for name, value in arguments.items()}

    def _meant(self, name: str, value: Any) -> Any:
        """Return the value, parsed if it is an object or a list that the model wrote as text."""
        declared = self._properties.get(name)
        kinds = declared.get("type") if isinstance(declared, dict) else None
        if not isinstance(value, str) or not _STRUCTURED & set(
            [kinds] if isinstance(kinds, str) else kinds or ()
        ):
            return value
        return _read_text(value)


def parsed_text(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a tool whose schema is not known, with every object or list that is written as text."""
    return {name: _read_text(value) if isinstance(value, str) else value for name, value in arguments.items()}


def _read_text(value: str) -> Any:
    if value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        meant = json.loads(value)
    except (ValueError, RecursionError):
        return value
    return meant if isinstance(meant, dict | list) else value


def spec_of(name: str, description: str, schema: Schema) -> ToolSpec:
    """Return the description of a tool for models."""
    return ToolSpec(name, description, to_json_schema(schema))
