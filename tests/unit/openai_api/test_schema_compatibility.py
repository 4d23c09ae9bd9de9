"""Which requested schemas accept each result that a skill promises."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from backend.integrations.openai_api.schema_compatibility import MAX_STEPS, mismatch

PROMISED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 10},
        "count": {"type": "integer", "minimum": 0},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "count", "kind", "tags"],
}


class Bird(BaseModel):
    """The same as `PROMISED`, with wider types."""

    model_config = ConfigDict(extra="forbid")

    name: str
    count: float | None
    kind: str
    tags: list[str]


def test_schema_of_a_type_with_wider_fields_is_compatible() -> None:
    assert mismatch(PROMISED, Bird.model_json_schema()) is None
    assert mismatch(PROMISED, PROMISED) is None
    assert mismatch(PROMISED, {}) is None


@pytest.mark.parametrize(
    ("requested", "why"),
    [
        ({"type": "array"}, "the result is of type object, not array"),
        ({"properties": {"name": {"type": "integer"}}}, "name is of type string, not integer"),
        ({"required": ["age"]}, "age is not part of each result"),
        ({"properties": {"name": {}}, "additionalProperties": False}, "count is not in the requested schema"),
        ({"properties": {"name": {"maxLength": 5}}}, "name is not limited by 'maxLength'"),
        (
            {"properties": {"kind": {"enum": ["a"]}}},
            "kind can have values that are not in the requested list",
        ),
        ({"properties": {"tags": {"items": {"type": "number"}}}}, "tags[] is of type string, not number"),
        ({"properties": {"name": {"pattern": "^x"}}}, "name does not have the same 'pattern'"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "valid for none of the alternatives"),
    ],
)
def test_mismatch_is_explained(requested: dict[str, Any], why: str) -> None:
    assert why in str(mismatch(PROMISED, requested))


def test_optional_and_nullable_fields() -> None:
    promised = {"type": "object", "properties": {"n": {"type": ["integer", "null"]}}, "required": ["n"]}
    nullable = {"properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    assert mismatch(promised, nullable) is None
    assert "n is of type" in str(mismatch(promised, {"properties": {"n": {"type": "integer"}}}))


def test_references_are_resolved() -> None:
    requested = {"$ref": "#/$defs/Bird", "$defs": {"Bird": {"properties": {"name": {"type": "string"}}}}}
    assert mismatch(PROMISED, requested) is None


def test_schema_that_refers_to_itself_takes_a_bounded_number_of_steps() -> None:
    bomb: dict[str, Any] = {"anyOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}
    started = time.monotonic()
    assert mismatch(PROMISED, bomb) is not None
    assert time.monotonic() - started < MAX_STEPS / 1_000
