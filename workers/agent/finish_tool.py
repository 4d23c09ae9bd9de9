"""`set_output`: how an agent hands in its result, and what is accepted in its place."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema, to_json_schema
from backend.skills.schemas.value_schemas import Checked, all_required
from workers.llm.types import ToolSpec

NAME: Final = "set_output"
MAX_PROBLEMS: Final = 20
_WORDS: Final = frozenset({"string", "text"})


class FinishTool:
    """Takes a result that fits the skill's `output_schema`, and says of any other what is wrong with it."""

    def __init__(self, skill: Skill) -> None:
        self._schema = skill.output_schema
        self._output = skill.output
        self._is_wrapped = not _is_object(skill.output_schema)
        """A tool takes an object; a result that is none is handed in as its `value`."""
        self.text_field = _text_field(skill.output_schema)
        self.spec = ToolSpec(
            NAME,
            "Hand in the result of this run and end it. Call it once, alone, when the result is complete.",
            self._input_schema(),
        )

    @property
    def takes_words(self) -> bool:
        """Whether a last reply in plain words is a result."""
        return self.text_field is not None

    def check(self, given: dict[str, Any]) -> Checked:
        """The result as it is kept, and everything that is wrong with it."""
        if self._is_wrapped:
            return self._output.check(_parsed(given.get("value"), self._schema))
        return self._output.check(
            {name: _parsed(value, _property(self._schema, name)) for name, value in given.items()}
        )

    def from_words(self, words: str) -> Any | None:
        """The result that plain words are; None when they are none."""
        if self.text_field is None or not words:
            return None
        checked = self._output.check(words if self.text_field == "" else {self.text_field: words})
        return None if checked.problems else checked.value

    def _input_schema(self) -> Schema:
        schema: Schema = to_json_schema(all_required(self._schema))
        if self._is_wrapped:
            return {"type": "object", "properties": {"value": schema}, "required": ["value"]}
        return {**schema, "type": "object"}


def complaint(checked: Checked) -> str:
    """What the model is told of a result that does not fit."""
    lines = [f"- {problem.path}: {problem.message}" for problem in checked.problems[:MAX_PROBLEMS]]
    more = len(checked.problems) - len(lines)
    if more:
        lines.append(f"- and {more} more")
    return "The result does not fit the output schema. Mend this and call set_output again:\n" + "\n".join(
        lines
    )


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "object" or (kind is None and ("properties" in schema or not schema))


def _property(schema: Schema, name: str) -> Any:
    properties = schema.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _parsed(value: Any, schema: Any) -> Any:
    """Models write an object or a list as JSON in a string now and then."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(value, str) or kind not in ("object", "array"):
        return value
    try:
        inner = json.loads(value)
    except ValueError:
        return value
    return inner if isinstance(inner, dict if kind == "object" else list) else value


def _text_field(schema: Schema) -> str | None:
    """The one field that a plain answer fills; empty: the answer is the result; None: words alone are no result."""
    if not _is_object(schema):
        return "" if schema.get("type") in _WORDS else None
    properties = schema.get("properties")
    if not properties:
        return "value"
    needed = schema.get("required", list(properties))
    if len(needed) != 1 or not isinstance(properties.get(needed[0]), dict):
        return None
    name: str = needed[0]
    return name if properties[name].get("type") in _WORDS else None
