"""What counts as the result of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.tenants import make_skill
from workers.agent.finish_tool import FinishTool, complaint

ANSWER = {"answer": {"type": "text"}}


def tool(schema: dict[str, Any]) -> FinishTool:
    return FinishTool(make_skill("ask", entrypoint="prompt.md", is_agentic=True, output_schema=schema))


def test_objects_and_lists_that_came_as_text_are_read() -> None:
    finish = tool({"type": "object", "properties": {"tags": {"type": "array"}, "note": {"type": "string"}}})
    checked = finish.check({"tags": '["owl", "bat"]', "note": '["owl"]'})
    assert (checked.value, checked.problems) == ({"tags": ["owl", "bat"], "note": '["owl"]'}, [])


def test_what_is_not_declared_is_dropped_and_what_is_missing_is_told() -> None:
    finish = tool({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}})
    assert finish.check({"a": 1, "b": 2, "c": 3}).value == {"a": 1, "b": 2}
    assert "result" in (received := complaint(finish.check({"a": 1})))
    assert "set_output again" in received


def test_a_result_that_is_no_object_is_handed_in_as_a_value() -> None:
    finish = tool({"type": "array", "items": {"type": "integer"}})
    assert finish.spec.input_schema["properties"].keys() == {"value"}
    assert finish.check({"value": [1, 2]}).value == [1, 2]
    assert finish.check({"value": "[1, 2]"}).value == [1, 2]


@pytest.mark.parametrize(
    ("schema", "result"),
    [
        ({"type": "object", "properties": ANSWER}, {"answer": "yes"}),
        (
            {"type": "object", "properties": {**ANSWER, "files": {"type": "array"}}, "required": ["answer"]},
            {"answer": "yes"},
        ),
        ({"type": "object"}, {"value": "yes"}),
        ({"type": "string"}, "yes"),
        ({"type": "object", "properties": {**ANSWER, "files": {"type": "array"}}}, None),
        ({"type": "object", "properties": {"score": {"type": "integer"}}}, None),
        ({"type": "object", "properties": {"answer": {"type": "string", "enum": ["no"]}}}, None),
    ],
)
def test_words_are_a_result_where_only_words_are_asked_for(schema: dict[str, Any], result: Any) -> None:
    assert tool(schema).from_text("yes") == result
