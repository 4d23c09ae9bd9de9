"""What a model gives to a tool: put right where it is plainly meant, refused with a sentence where it is wrong."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.bundles.dialect import Schema, to_json_schema
from backend.bundles.value_schemas import InputSchema
from workers.agent import ToolCall, ToolError
from workers.models import ToolSpec

_STRUCTURED: Final = frozenset({"object", "array", "image", "video", "audio", "file"})
_MOST_PROBLEMS: Final = 5


class Arguments:
    """The arguments of one tool, by its schema."""

    def __init__(self, schema: Schema) -> None:
        self._properties = schema.get("properties") or {}
        self._schema = InputSchema(schema)

    def of(self, call: ToolCall) -> dict[str, Any]:
        """The call's arguments, with defaults filled in.

        Raises:
            ToolError: they do not fit the schema; says where.
        """
        given = {name: self._meant(name, value) for name, value in call.input.items()}
        checked = self._schema.check(given)
        if checked.problems:
            shown = [f"{problem.path}: {problem.message}" for problem in checked.problems[:_MOST_PROBLEMS]]
            raise ToolError("\n".join(shown))
        value: dict[str, Any] = checked.value
        return value

    def _meant(self, name: str, value: Any) -> Any:
        """Models write objects and lists as text at times."""
        declared = self._properties.get(name)
        kinds = declared.get("type") if isinstance(declared, dict) else None
        if not isinstance(value, str) or not _STRUCTURED & set(
            [kinds] if isinstance(kinds, str) else kinds or ()
        ):
            return value
        if value.lstrip()[:1] not in ("{", "["):
            return value
        try:
            meant = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return meant if isinstance(meant, dict | list) else value


def spec_of(name: str, description: str, schema: Schema) -> ToolSpec:
    """A tool as models are told of it."""
    return ToolSpec(name, description, to_json_schema(schema))
