"""The text of an answer: the format that a request requires, and the result of a job in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from backend.execution.jobs.schemas import JobRead
from backend.integrations.openai_api.errors import ResponseFormatMismatch
from backend.integrations.openai_api.schema_compatibility import mismatch
from backend.skills.manifest.types import Skill
from backend.skills.schemas.schema_dialect import Schema

_TEXT_TYPES: Final = frozenset({"string", "text"})


@dataclass(frozen=True, slots=True)
class Answer:
    """How the results of a skill become texts."""

    skill: Skill
    is_json: bool
    """Whether the request requires JSON."""

    @property
    def text_field(self) -> str | None:
        """Return the only field of the results, if it is a text; empty: the result itself is a text."""
        schema = self.skill.output_schema
        if schema.get("type") in _TEXT_TYPES:
            return ""
        properties: Schema = schema.get("properties") or {}
        if not properties and self.skill.is_agentic and schema.get("type", "object") == "object":
            return "value"  # the field in which an agent without an `output_schema` returns its text
        name = next(iter(properties), "") if len(properties) == 1 else ""
        is_text = isinstance(properties.get(name), dict) and properties[name].get("type") in _TEXT_TYPES
        return name if name and is_text else None

    @property
    def is_live(self) -> bool:
        """Whether the replies of an agent are the answer, so that their text can be sent before the job ends."""
        return self.skill.is_agentic and not self.is_json and self.text_field is not None

    def text(self, job: JobRead) -> str:
        """Return the answer of a job that has succeeded."""
        result = job.result
        if not self.is_json:
            if isinstance(result, str):
                return result
            field = self.text_field
            if (
                field
                and isinstance(result, dict)
                and list(result) == [field]
                and isinstance(result[field], str)
            ):
                return str(result[field])
        return json.dumps(result, ensure_ascii=False)


def answer_of(
    skill: Skill, kind: Literal["text", "json_object", "json_schema"], schema: Any, *, parameter: str
) -> Answer:
    """Return how a request wants the results of a skill.

    Args:
        skill: The skill that the request names.
        kind: The type of the requested format.
        schema: The requested schema, with the type `json_schema`.
        parameter: The path of the format in the request.

    Raises:
        ResponseFormatMismatch: The skill does not promise results in this format.
    """
    if kind == "json_schema":
        if not isinstance(schema, dict):
            raise ResponseFormatMismatch(parameter, "it has no schema.")
        why = mismatch(skill.output_json_schema, schema)
        if why is not None:
            raise ResponseFormatMismatch(parameter, why)
    return Answer(skill, kind != "text")
