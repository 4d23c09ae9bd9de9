"""The rehearsal plays a skill to its end without a language model, the same each time."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from tests.factories.tenants import make_skill
from workers.llm.sample_values import sample
from workers.llm.simulated import NOTICE, SimulatedModel
from workers.llm.types import Message, Prompt, Reply, ToolSpec

OUTPUT = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "score": {"type": "integer", "minimum": 3}},
    "required": ["title", "score"],
}
LOOK_UP = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}, "_label": {"type": "string"}},
    "required": ["city"],
}
EXAMPLES = [
    {"inputs": {"city": "Rome"}, "outputs": {"title": "Rome!", "score": 9}},
    {"inputs": {"city": "Oslo"}, "outputs": {"title": "Oslo!", "score": 5}},
    {"inputs": {"city": "Bern"}, "outputs": {"title": "too low", "score": 1}},
]
TOOLS = [
    ToolSpec("bash", "", {"type": "object", "properties": {"command": {"type": "string"}}}),
    ToolSpec("look_up", "", LOOK_UP),
    ToolSpec("set_output", "", OUTPUT),
]


def skill(**over: Any) -> Skill:
    tool = {
        "name": "look_up",
        "entrypoint": "t.py:f",
        "input_schema": LOOK_UP,
        "output_schema": {"type": "object"},
    }
    given = {"is_agentic": True, "entrypoint": "SKILL.md", "tools": [tool], "examples": EXAMPLES, **over}
    return Skill.model_validate({**make_skill().model_dump(), **given})


def rehearsal(inputs: dict[str, Any], **over: Any) -> SimulatedModel:
    return SimulatedModel(catalog.current().get(catalog.SIMULATED_MODEL), skill(**over), inputs)


async def play(model: SimulatedModel, *, refuses_output: bool = False) -> list[Reply]:
    """Every reply, each tool call being answered."""
    messages: list[Message] = [{"role": "user", "content": [{"type": "text", "text": "Go."}]}]
    replies: list[Reply] = []
    while len(replies) < 10:
        received: list[str] = []
        reply = await model.reply(Prompt("", messages, TOOLS, 100), received.append, lambda _: None)
        assert "".join(received).strip() == reply.blocks[0]["text"]
        replies.append(reply)
        calls = [block for block in reply.blocks if block["type"] == "tool_use"]
        if not calls or (calls[0]["name"] == "set_output" and not refuses_output):
            return replies
        messages.append({"role": "assistant", "content": list(reply.blocks)})
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
        messages.append({"role": "user", "content": results})
    raise AssertionError("it never ends")


async def test_each_declared_tool_is_called_once_and_then_the_nearest_examples_output_is_handed_in() -> None:
    first, last = await play(rehearsal({"city": "Oslo"}))
    assert first.blocks[1]["name"] == "look_up"
    assert first.blocks[1]["input"] == {"city": "Oslo", "days": 1}
    assert last.blocks[1]["input"] == {"title": "Oslo!", "score": 5}
    assert last.simulated_from == "example"


async def test_an_output_that_does_not_answer_the_inputs_says_so() -> None:
    last = (await play(rehearsal({"city": "Lima"})))[-1]
    assert last.simulated_from == "other_example"
    assert "with other inputs" in last.blocks[0]["text"]


async def test_every_reply_is_labelled_and_free() -> None:
    for reply in await play(rehearsal({"city": "Oslo"})):
        assert (reply.label, reply.model, reply.billed_micros) == ("rehearsal", "puras/rehearsal", 0)
        assert reply.blocks[0]["text"].startswith(NOTICE)


async def test_without_an_example_that_fits_sample_values_are_handed_in() -> None:
    last = (await play(rehearsal({}, examples=EXAMPLES[2:])))[-1]
    Draft202012Validator(OUTPUT).validate(last.blocks[1]["input"])
    assert last.simulated_from == "sample"


async def test_an_output_that_is_refused_twice_is_not_tried_for_ever() -> None:
    replies = await play(rehearsal({"city": "Rome"}), refuses_output=True)
    assert [reply.stop_reason for reply in replies] == ["tool_use"] * 3 + ["end_turn"]
    handed_in = [reply.blocks[1]["input"] for reply in replies[1:3]]
    assert handed_in[0] != handed_in[1]


async def test_a_second_play_is_the_same() -> None:
    model = rehearsal({"city": "Rome"})
    assert await play(model) == await play(model)


@pytest.mark.parametrize(
    "schema",
    [
        OUTPUT,
        {"type": "string", "minLength": 20, "maxLength": 25},
        {"type": "string", "maxLength": 3},
        {"type": "string", "format": "date"},
        {"type": "string", "pattern": "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"},
        {"type": "string", "pattern": "^[A-Z]{3}$"},
        {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 5},
        {"type": "integer", "maximum": -3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "minimum": 0.25, "maximum": 0.75},
        {"type": ["null", "boolean"]},
        {"enum": ["x", "y"]},
        {"const": {"a": 1}},
        {"oneOf": [{"type": "string", "minLength": 1}, {"type": "object", "required": ["url"]}]},
        {"type": "array", "items": {"type": "string"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
        {"allOf": [{"properties": {"a": {"type": "integer"}}}, {"required": ["a", "b"], "type": "object"}]},
        {"$defs": {"n": {"type": "integer", "minimum": 7}}, "type": "array", "items": {"$ref": "#/$defs/n"}},
        {"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "either"},
        {},
    ],
    ids=str,
)
def test_a_sample_fits_its_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(sample(schema))


def test_a_schema_that_holds_itself_has_a_sample_that_ends() -> None:
    tree: dict[str, Any] = {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"properties": {"of": {"$ref": "#/$defs/t"}}}},
    }
    assert "of" in sample(tree)
    wide = {**tree, "$defs": {"t": {"properties": {name: {"$ref": "#/$defs/t"} for name in "abcdefgh"}}}}
    assert list(sample(wide)) == list("abcdefgh")
