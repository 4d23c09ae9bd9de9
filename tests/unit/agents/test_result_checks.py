"""Checks of the result of a run."""

from __future__ import annotations

from typing import Any

import pytest

from tests.factories.tenants import make_skill
from workers.agent.finish_tool import FinishTool, complaint, invalid

ANSWER = {"answer": {"type": "text"}}


def tool(schema: dict[str, Any]) -> FinishTool:
    return FinishTool(make_skill("ask", entrypoint="prompt.md", is_agentic=True, output_schema=schema))


def test_objects_and_lists_in_text_form_are_parsed() -> None:
    finish = tool({"type": "object", "properties": {"tags": {"type": "array"}, "note": {"type": "string"}}})
    checked = finish.check({"tags": '["owl", "bat"]', "note": '["owl"]'})
    assert (checked.value, checked.problems) == ({"tags": ["owl", "bat"], "note": '["owl"]'}, [])


def test_undeclared_fields_are_removed_and_missing_ones_reported() -> None:
    finish = tool({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}})
    assert finish.check({"a": 1, "b": 2, "c": 3}).value == {"a": 1, "b": 2}
    assert "result" in (message := complaint(finish.check({"a": 1})))
    assert "set_output again" in message


def test_reasons_in_the_error_of_a_job_are_few() -> None:
    properties = {name: {"type": "integer"} for name in "abcde"}
    text = invalid(tool({"type": "object", "properties": properties}).check({"a": "x"}))
    assert text.startswith("result.a: ")
    assert text.endswith("; and 2 more")


def test_result_that_is_not_an_object_is_submitted_as_value() -> None:
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
def test_text_is_a_result_if_the_schema_needs_only_text(schema: dict[str, Any], result: Any) -> None:
    assert tool(schema).from_text("yes") == result


PAIR = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ('{"a": 1, "b": 2}', {"a": 1, "b": 2}),
        ('The result:\n```json\n{"a": 1, "b": 2}\n```', {"a": 1, "b": 2}),
        ('{"name": "set_output", "parameters": {"a": 1, "b": 2}}', {"a": 1, "b": 2}),
        (
            '<tool_call>{"name": "set_output", "arguments": "{\\"a\\": 1, \\"b\\": 2}"}</tool_call>',
            {"a": 1, "b": 2},
        ),
        ('{"a": 1}', None),
        ("{}", None),
        ('{"name": "other", "arguments": {"a": 1, "b": 2}}', None),
        ('```json\n{"a": 1, "b": 2}\n```\nor\n```json\n{"a": 3, "b": 4}\n```', None),
        ('I would say {"a": 1, "b": 2}', None),
        ("[" * 10_000, None),
    ],
)
def test_result_written_as_json_is_accepted_if_it_is_valid(text: str, result: Any) -> None:
    assert tool(PAIR).from_text(text) == result


def test_value_written_as_json_is_accepted() -> None:
    finish = tool({"type": "array", "items": {"type": "integer"}})
    assert finish.from_text("[1, 2]") == [1, 2]
    assert finish.from_text('{"name": "set_output", "arguments": {"value": [1, 2]}}') == [1, 2]
    assert finish.from_text("[1, true]") is None
