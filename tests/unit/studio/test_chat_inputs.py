"""The inputs that the chat shows besides the message are those that the API does not fill from its text."""

from __future__ import annotations

from typing import Any, Final

import pytest

from backend.execution.sessions.inputs import text_input
from tests.unit.studio.page_module import run_module

SCRIPT: Final = """
const { otherInputs, missingIn } = await import(process.argv[1]);
const { schema, values } = JSON.parse(await Bun.stdin.text());
const others = otherInputs(schema);
console.log(JSON.stringify({ names: Object.keys(others.properties), missing: missingIn(others, values) }));
"""
TEXT: Final = {"type": "text"}
NUMBER: Final = {"type": "integer"}


def other_inputs(schema: dict[str, Any], **values: Any) -> dict[str, Any]:
    return dict(run_module("chat/message_inputs.js", SCRIPT, {"schema": schema, "values": values}))


@pytest.mark.parametrize(
    ("properties", "required"),
    [
        ({"question": TEXT, "n": NUMBER}, ["question", "n"]),
        ({"a": TEXT, "b": TEXT}, ["a", "b"]),
        ({"a": TEXT, "b": TEXT}, ["b"]),
        ({"a": TEXT, "n": NUMBER}, []),
        ({"kind": {**TEXT, "enum": ["x"]}, "n": NUMBER}, ["kind"]),
        ({}, []),
    ],
)
def test_fields_are_the_inputs_except_that_of_the_text(
    properties: dict[str, Any], required: list[str]
) -> None:
    schema = {"type": "object", "properties": properties, "required": required}
    filled = text_input(schema)
    assert other_inputs(schema)["names"] == [name for name in properties if name != filled]


def test_required_inputs_without_value_and_default_are_missing() -> None:
    properties = {"question": TEXT, "a": NUMBER, "b": NUMBER, "c": {**NUMBER, "default": 1}, "d": NUMBER}
    schema = {"type": "object", "properties": properties, "required": ["question", "a", "b", "c"]}
    assert other_inputs(schema, b=0) == {"names": ["a", "b", "c", "d"], "missing": ["a"]}
