"""Implement the tool `set_output`, with which an agent submits its result, and results that are text."""

from __future__ import annotations

import json
import re
from collections.abc import Set
from typing import Any, Final

from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema, to_json_schema
from backend.skills.schemas.value_schemas import Checked, all_required
from workers.llm.types import ToolSpec

NAME: Final = "set_output"
MAX_PROBLEMS: Final = 20
MAX_PROBLEMS_IN_ERROR: Final = 3
_CODE: Final = re.compile(r"(?:```(?:json)?|<tool_call>)\s*([\[{].*?)\s*(?:```|</tool_call>)", re.DOTALL)
_ARGUMENTS: Final = ("arguments", "parameters", "input")
"""The names of the arguments in a call that a model writes as text."""
_TEXT_TYPES: Final = frozenset({"string", "text"})


class FinishTool:
    """Validates results against the skill's `output_schema`."""

    def __init__(self, skill: Skill, *, ends_with_text: bool = False) -> None:
        """Accept any text as the end of the run with `ends_with_text`: a turn of a conversation needs no result."""
        self._ends_with_text = ends_with_text
        self._schema = skill.output_schema
        self._output = skill.output
        self._is_wrapped = not _is_object(skill.output_schema)
        """A tool requires an object; another result is submitted as its `value`."""
        self.text_field = _text_field(skill.output_schema)
        self.spec = ToolSpec(
            NAME,
            "Submit the result of this run and end the run. Call it once, without other calls, when the "
            "result is complete.",
            self._input_schema(),
        )

    @property
    def accepts_text(self) -> bool:
        """Return whether a last reply of text can be the result."""
        return self.text_field is not None

    def check(self, arguments: dict[str, Any]) -> Checked:
        """Return the validated result, and all its problems."""
        if self._is_wrapped:
            return self._output.check(_parsed(arguments.get("value"), self._schema))
        return self._output.check(
            {name: _parsed(value, _property(self._schema, name)) for name, value in arguments.items()}
        )

    def from_text(self, text: str) -> Any | None:
        """Return the result that a text reply is, or the text that ends the turn; None if it is neither.

        Weak models write the arguments of `set_output`, or a call of it, as text instead of calling it.
        """
        if not text:
            return None
        arguments = self._written_arguments(text)
        if arguments and (self.text_field is None or self._property_names >= arguments.keys()):
            found = self.check(arguments)
            if not found.problems:
                return found.value
        if self.text_field is None:
            return text if self._ends_with_text else None
        checked = self._output.check(text if self.text_field == "" else {self.text_field: text})
        return None if checked.problems else checked.value

    @property
    def _property_names(self) -> Set[str]:
        properties = self._schema.get("properties")
        return properties.keys() if isinstance(properties, dict) else frozenset()

    def _written_arguments(self, text: str) -> dict[str, Any] | None:
        """Return the arguments that a text contains as JSON: all of it, or its only block of code."""
        blocks = (
            [] if self._ends_with_text else _CODE.findall(text)
        )  # a turn of a conversation may contain code
        value = _json(blocks[0] if len(blocks) == 1 else text)
        if isinstance(value, dict) and value.get("name") == NAME:
            written = next((value[key] for key in _ARGUMENTS if key in value), None)
            value = _json(written) if isinstance(written, str) else written
        if self._is_wrapped and value is not None and not (isinstance(value, dict) and "value" in value):
            return {"value": value}
        return value if isinstance(value, dict) else None

    def _input_schema(self) -> Schema:
        schema: Schema = to_json_schema(all_required(self._schema))
        if self._is_wrapped:
            return {"type": "object", "properties": {"value": schema}, "required": ["value"]}
        return {**schema, "type": "object"}


def _json(text: Any) -> Any:
    """Return what a text is as JSON; None if it is something else."""
    try:
        return json.loads(text, strict=False)
    except (TypeError, ValueError, RecursionError):
        return None


def complaint(checked: Checked) -> str:
    """Return the message for the model about an invalid result."""
    lines = [f"- {problem.path}: {problem.message}" for problem in checked.problems[:MAX_PROBLEMS]]
    more = len(checked.problems) - len(lines)
    if more:
        lines.append(f"- and {more} more")
    return (
        "The result is not valid for the output schema. Fix the problems and call set_output again:\n"
    ) + "\n".join(lines)


def invalid(checked: Checked) -> str:
    """Return why a result is not valid, in one line for the error of the job."""
    problems = [f"{problem.path}: {problem.message}" for problem in checked.problems]
    more = len(problems) - MAX_PROBLEMS_IN_ERROR
    return "; ".join(problems[:MAX_PROBLEMS_IN_ERROR]) + (f"; and {more} more" if more > 0 else "")


def _is_object(schema: Schema) -> bool:
    kind = schema.get("type")
    return kind == "object" or (kind is None and ("properties" in schema or not schema))


def _property(schema: Schema, name: str) -> Any:
    properties = schema.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _parsed(value: Any, schema: Any) -> Any:
    """Return the value, parsed if it is an object or a list that the model wrote as a JSON string."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    if not isinstance(value, str) or kind not in ("object", "array"):
        return value
    try:
        inner = json.loads(value)
    except ValueError:
        return value
    return inner if isinstance(inner, dict if kind == "object" else list) else value


def _text_field(schema: Schema) -> str | None:
    """Return the field that a text reply fills; empty: the text is the result; None: text alone is no result."""
    if not _is_object(schema):
        return "" if schema.get("type") in _TEXT_TYPES else None
    properties = schema.get("properties")
    if not properties:
        return "value"
    needed = schema.get("required", list(properties))
    if len(needed) != 1 or not isinstance(properties.get(needed[0]), dict):
        return None
    name: str = needed[0]
    return name if properties[name].get("type") in _TEXT_TYPES else None
