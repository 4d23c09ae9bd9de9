"""Validation of inputs and outputs against their schemas."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backend.skills.manifest.types import Skill
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.value_schemas import InputSchema

ONE_TEXT = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def skill(inputs: dict[str, Any] | None = None, output: dict[str, Any] | None = None) -> Skill:
    """Return a skill with these schemas."""
    return Skill(
        name="it",
        path="it",
        entrypoint="main.py:run",
        is_agentic=False,
        input_schema=inputs or {},
        output_schema=output or {},
    )


def problems_of(checked: Any) -> dict[str, str]:
    """Return the problems by path."""
    return {problem.path: problem.message for problem in checked.problems}


def inputs(properties: dict[str, Any], value: Any, **more: Any) -> Any:
    """Validate a value as inputs with these properties."""
    return skill({"type": "object", "properties": properties, **more}).inputs.check(value)


@pytest.mark.parametrize("kind", ["image", "video", "audio", "file"])
@pytest.mark.parametrize(
    "value",
    [
        "uploads/a.png",
        "https://example.org/a.png",
        "data:image/png;base64,AAAA",
        {"drive_path": "uploads/a.png"},
        {"url": "https://example.org/a.png"},
        {"data": "AAAA"},
        {"base64": "AAAA", "media_type": "image/png"},
    ],
)
def test_file_is_accepted_in_every_form(kind: str, value: Any) -> None:
    assert inputs({"f": {"type": kind}}, {"f": value}).problems == []
    assert inputs({"f": {"type": "array", "items": {"type": kind}}}, {"f": [value]}).problems == []


@pytest.mark.parametrize(
    "value", ["", 3, None, [], {}, {"path": "x"}, {"drive_path": 3}, {"url": ""}, {"data": None}]
)
def test_invalid_file_is_reported_with_the_supported_forms(value: Any) -> None:
    found = problems_of(inputs({"f": {"type": "image"}}, {"f": value}))
    assert "a drive path" in found["inputs.f"]


def test_undeclared_input_is_reported_with_the_nearest_name() -> None:
    found = problems_of(inputs({"size": {"type": "integer"}}, {"sise": 3}))
    assert found == {"inputs.sise": "The skill does not declare 'sise'. Did you mean 'size'?"}


@pytest.mark.parametrize("allowed", [True, {"type": "integer"}])
def test_schema_can_allow_undeclared_inputs(allowed: Any) -> None:
    assert inputs({}, {"x": 3}, additionalProperties=allowed).problems == []
    assert skill({"type": "object"}).inputs.check({"x": 3}).problems == []


def test_inputs_declared_in_alternatives_are_declared() -> None:
    schema = {
        "anyOf": [{"properties": {"a": {}}}, {"$ref": "#/$defs/b"}],
        "$defs": {"b": {"properties": {"b": {}}}},
    }
    assert skill(schema).inputs.check({"a": 1, "b": 2}).problems == []
    assert list(problems_of(skill(schema).inputs.check({"c": 1}))) == ["inputs.c"]


def test_missing_inputs_are_reported_at_their_paths() -> None:
    assert set(problems_of(inputs({"a": {}, "b": {}}, {}, required=["a", "b"]))) == {"inputs.a", "inputs.b"}


def test_defaults_are_filled_in_at_every_depth() -> None:
    properties = {
        "size": {"type": "integer", "default": 5},
        "options": {"type": "object", "default": {}, "properties": {"q": {"type": "number", "default": 0.5}}},
        "list": {"type": "array", "items": {"type": "object", "properties": {"on": {"default": True}}}},
    }
    given = {"list": [{}, {"on": False}]}
    found = inputs(properties, given, required=["size"])
    assert found.problems == []
    assert found.value == {"size": 5, "options": {"q": 0.5}, "list": [{"on": True}, {"on": False}]}
    assert given == {"list": [{}, {"on": False}]}, "the submitted inputs are unchanged"


def test_a_default_is_never_shared_between_jobs() -> None:
    one = skill({"type": "object", "properties": {"tags": {"type": "array", "default": []}}})
    one.inputs.check({}).value["tags"].append("x")
    assert one.inputs.check({}).value == {"tags": []}


def test_recursive_defaults_terminate() -> None:
    again = {"$ref": "#/$defs/node", "default": {}}
    node = {"type": "object", "properties": {"left": again, "right": again}}
    schema = {"type": "object", "properties": {"tree": again}, "$defs": {"node": node}}
    started = time.process_time()
    skill(schema).inputs.check({})
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\0b", "NUL"),
        ({"a\0": 1}, "NUL"),
        ("\ud800", "surrogate"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (10**2000, "too large"),
        (b"x", "A bytes is not a JSON value"),
        ({1, 2}, "A set is not a JSON value"),
    ],
)
def test_values_that_cannot_be_stored_are_rejected_as_input_and_output(value: Any, said: str) -> None:
    assert said in next(iter(problems_of(inputs({"v": {}}, {"v": [value]})).values()))
    assert said in next(iter(problems_of(skill().output.check({"v": [value]})).values()))


def test_infinite_depth_is_rejected() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    assert "nested deeper" in next(iter(problems_of(inputs({"v": {}}, {"v": value})).values()))


@pytest.mark.parametrize("value", [None, [], "x", 3, True])
def test_inputs_must_be_an_object(value: Any) -> None:
    assert list(problems_of(skill(ONE_TEXT).inputs.check(value))) == ["inputs"]


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"type": "integer"}, 1.5, "This must be an integer, not 1.5."),
        ({"type": "integer"}, True, "This must be an integer, not true."),
        ({"type": "integer"}, "3", "This must be an integer, not '3'."),
        ({"type": ["string", "null"]}, 1, "This must be text or null, not 1."),
        ({"enum": ["fit", "fill"]}, "fil", "'fil' is not one of 'fit', 'fill'. Did you mean 'fill'?"),
        ({"const": 1}, 2, "2 must be exactly 1."),
        ({"minimum": 1}, 0, "0 must be at least 1."),
        ({"maxLength": 2}, "abc", "This has 3 characters; use at most 2."),
        ({"minItems": 1}, [], "This has 0 items; use at least 1."),
        ({"uniqueItems": True}, [1, 1.0], "This has the same item twice. Remove one of them."),
        ({"type": "color"}, "reddish", "'reddish' is not a color. Write it as '#1a2b3c' or '#abc'."),
        ({"pattern": "^a+$"}, "b", "'b' does not match the pattern '^a+$'."),
        ({"type": "object", "additionalProperties": False}, {"x": 1}, "This name is not declared."),
        (
            {"oneOf": [{"type": "integer"}, {"type": "string"}]},
            None,
            "null is not valid for any of the 2 alternatives.",
        ),
        (
            {"oneOf": [{"type": "integer"}, {"minimum": 1}]},
            3,
            "3 is valid for more than one of the alternatives.",
        ),
        ({"type": "string"}, ["x" * 10_000_000], "This must be text, not a list of 1."),
    ],
)
def test_invalid_value_is_explained(schema: Any, value: Any, said: str) -> None:
    [message] = problems_of(inputs({"v": schema}, {"v": value})).values()
    assert message.startswith(said)
    assert len(message) < 500


@pytest.mark.parametrize("value", [[1, True], [0, False], [{"a": 1}, {"a": True}], ["1", 1]])
def test_unique_items_distinguish_booleans_from_numbers(value: Any) -> None:
    assert inputs({"v": {"uniqueItems": True}}, {"v": value}).problems == []


@pytest.mark.parametrize("color", ["#fff", "fff", "#A1b2C3", "a1b2c3"])
def test_color_may_omit_the_hash_sign(color: str) -> None:
    assert inputs({"v": {"type": "color"}}, {"v": color}).problems == []


def test_undeclared_outputs_are_dropped_and_declared_ones_required() -> None:
    schema = {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "list": {"type": "array", "items": {"type": "object", "properties": {"x": {"type": "integer"}}}},
            "loose": {"type": "object", "properties": {"y": {}, "z": {}}, "required": ["y"]},
            "any": {"type": "object"},
            "file": {"type": "image"},
        },
    }
    found = skill(output=schema).output.check(
        {
            "a": "x",
            "junk": 1,
            "list": [{"x": 1, "junk": 2}, {}],
            "loose": {"y": 1},
            "any": {"kept": 1},
            "file": {"drive_path": "a.png", "media_type": "image/png"},
        },
    )
    assert found.value["list"] == [{"x": 1}, {}]
    assert "junk" not in found.value
    assert found.value["any"] == {"kept": 1}
    assert found.value["file"] == {"drive_path": "a.png", "media_type": "image/png"}
    assert list(problems_of(found)) == ["result.list[1].x"]


def test_open_output_keeps_undeclared_fields() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": True}
    assert skill(output=schema).output.check({"a": 1, "b": 2}).value == {"a": 1, "b": 2}


def test_output_may_have_any_type() -> None:
    assert skill(output={"type": "string"}).output.check("x") == ("x", [])
    assert list(problems_of(skill(output={"type": "string"}).output.check(3))) == ["result"]


def test_hostile_schema_is_checked_in_time() -> None:
    names: dict[str, Any] = {"n0": {"type": "string"}}
    for level in range(1, 40):
        names[f"n{level}"] = {"anyOf": [{"$ref": f"#/$defs/n{level - 1}"}, {"$ref": f"#/$defs/n{level - 1}"}]}
    schema = {"type": "object", "properties": {"v": {"$ref": "#/$defs/n39"}}, "$defs": names}
    assert schema_flaws(schema).errors == []
    started = time.process_time()
    [message] = problems_of(skill(schema).inputs.check({"v": 3})).values()
    assert "takes too long" in message
    assert time.process_time() - started < 10


def test_hostile_pattern_is_checked_in_time() -> None:
    started = time.process_time()
    found = inputs({"v": {"pattern": "^(a+)+$"}}, {"v": "a" * 100_000 + "b"})
    assert len(found.problems) == 1
    assert time.process_time() - started < 5


def test_many_different_items_are_compared_in_time() -> None:
    started = time.process_time()
    assert inputs({"v": {"uniqueItems": True}}, {"v": [{"n": n} for n in range(50_000)]}).problems == []
    assert time.process_time() - started < 10


def test_recursive_schemas_check_recursive_values() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}},
        "required": ["n"],
    }
    one = skill({"type": "object", "properties": {"list": {"$ref": "#/$defs/node"}}, "$defs": {"node": node}})
    assert one.inputs.check({"list": {"n": 1, "next": {"n": 2}}}).problems == []
    assert list(problems_of(one.inputs.check({"list": {"n": 1, "next": {}}}))) == ["inputs.list.next.n"]


def test_agent_accepts_undeclared_attachments() -> None:
    closed = {"type": "object", "properties": {"topic": {"type": "string"}}, "additionalProperties": False}
    agent, function = InputSchema(closed, takes_attachments=True), InputSchema(closed)
    shapes = ["a.png", "data:,x", "https://example.org/a", {"drive_path": "a"}, {"url": "https://e.org"}]
    given = {"topic": "owls", "attachments": [*shapes, {"data": "AAAA"}, {"base64": "AAAA"}]}
    assert agent.check(given) == (given, [])
    assert problems_of(function.check(given)).keys() == {"inputs.attachments"}
    wrong = problems_of(agent.check({"topic": 3, "attachments": ["", {"path": "x"}]}))
    assert wrong.keys() == {"inputs.topic", "inputs.attachments[0]", "inputs.attachments[1]"}
    assert "must be a list" in problems_of(agent.check({"attachments": "a.png"}))["inputs.attachments"]
    own = {**closed, "properties": {"attachments": {"type": "integer"}}}
    assert InputSchema(own, takes_attachments=True).check({"attachments": 3}).problems == []
    assert InputSchema({}, takes_attachments=True).check({"attachments": 3}).problems == []
