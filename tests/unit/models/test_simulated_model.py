"""The simulated model runs a skill to its end without a language model, with the same replies each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from tests.factories.tenants import make_skill
from workers.llm.remote_tools import failed_remote_tools, remote_tools
from workers.llm.sample_values import sample
from workers.llm.simulated import NOTICE, SimulatedModel
from workers.llm.types import EARLIER_CALL, Message, Prompt, Reply, ToolSpec

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
    fields = {"is_agentic": True, "entrypoint": "SKILL.md", "tools": [tool], "examples": EXAMPLES, **over}
    return Skill.model_validate({**make_skill().model_dump(), **fields})


def simulated_model(inputs: dict[str, Any], **over: Any) -> SimulatedModel:
    return SimulatedModel(catalog.current().get(catalog.SIMULATED_MODEL), skill(**over), inputs)


async def run_model(
    model: SimulatedModel, *, refuses_output: bool = False, tools: Sequence[ToolSpec] = TOOLS
) -> list[Reply]:
    """Return all replies of the model; each tool call gets a result."""
    messages: list[Message] = [{"role": "user", "content": [{"type": "text", "text": "Go."}]}]
    replies: list[Reply] = []
    while len(replies) < 10:
        deltas: list[str] = []
        reply = await model.reply(Prompt("", messages, tools, 100), deltas.append, lambda _: None)
        assert "".join(deltas).strip() == reply.blocks[0]["text"]
        replies.append(reply)
        calls = [block for block in reply.blocks if block["type"] == "tool_use"]
        if not calls or (calls[0]["name"] == "set_output" and not refuses_output):
            return replies
        messages.append({"role": "assistant", "content": list(reply.blocks)})
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
        messages.append({"role": "user", "content": results})
    raise AssertionError("it never ends")


async def test_each_tool_is_called_once_before_output_of_nearest_example() -> None:
    first, last = await run_model(simulated_model({"city": "Oslo"}))
    assert first.blocks[1]["name"] == "look_up"
    assert first.blocks[1]["input"] == {"city": "Oslo", "days": 1}
    assert last.blocks[1]["input"] == {"title": "Oslo!", "score": 5}
    assert last.simulated_from == "example"


async def test_output_for_other_inputs_contains_a_note() -> None:
    last = (await run_model(simulated_model({"city": "Lima"})))[-1]
    assert last.simulated_from == "other_example"
    assert "with other inputs" in last.blocks[0]["text"]


async def test_all_replies_are_labeled_and_free() -> None:
    for reply in await run_model(simulated_model({"city": "Oslo"})):
        assert (reply.label, reply.model, reply.billed_micros) == ("rehearsal", "puras/rehearsal", 0)
        assert reply.blocks[0]["text"].startswith(NOTICE)


async def test_sample_values_are_submitted_without_matching_example() -> None:
    last = (await run_model(simulated_model({}, examples=EXAMPLES[2:])))[-1]
    Draft202012Validator(OUTPUT).validate(last.blocks[1]["input"])
    assert last.simulated_from == "sample"


async def test_repeatedly_rejected_output_ends_the_run() -> None:
    replies = await run_model(simulated_model({"city": "Rome"}), refuses_output=True)
    assert [reply.stop_reason for reply in replies] == ["tool_use"] * 3 + ["end_turn"]
    submitted = [reply.blocks[1]["input"] for reply in replies[1:3]]
    assert submitted[0] != submitted[1]


async def test_only_read_only_tools_of_mcp_servers_are_called() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "integer"}}}
    read = [ToolSpec(f"read_{n}", "", schema, is_remote=True, is_read_only=True) for n in range(6)]
    tools = [*TOOLS, ToolSpec("refund", "", schema, is_remote=True), *read]
    replies = await run_model(simulated_model({"city": "Oslo"}), tools=tools)
    called = [reply.blocks[1]["name"] for reply in replies]
    assert called == ["look_up", *(f"read_{n}" for n in range(5)), "set_output"]
    assert [tool.name for tool in remote_tools(tools).untried] == ["refund", "read_5"]


def test_failed_calls_of_mcp_servers_in_this_turn_are_named() -> None:
    names = {f"{EARLIER_CALL}1": "old", "2": "offline", "3": "online", "4": "look_up"}
    calls = [{"type": "tool_use", "id": call, "name": name, "input": {}} for call, name in names.items()]
    results: list[dict[str, Any]] = [
        {
            "type": "tool_result",
            "tool_use_id": call,
            "content": "",
            **({} if call == "3" else {"is_error": True}),
        }
        for call in names
    ]
    messages: list[Message] = [
        {"role": "assistant", "content": calls},
        {"role": "user", "content": [*results, {"type": "text", "text": "Continue."}]},
    ]
    remote = [ToolSpec(name, "", {}, is_remote=True) for name in ("old", "offline", "online")]
    assert failed_remote_tools([*TOOLS, *remote], messages) == ["offline"]


async def test_second_run_returns_the_same_replies() -> None:
    model = simulated_model({"city": "Rome"})
    assert await run_model(model) == await run_model(model)


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
def test_sample_is_valid_for_its_schema(schema: dict[str, Any]) -> None:
    Draft202012Validator(schema).validate(sample(schema))


def test_recursive_schema_has_a_finite_sample() -> None:
    tree: dict[str, Any] = {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"properties": {"of": {"$ref": "#/$defs/t"}}}},
    }
    assert "of" in sample(tree)
    wide = {**tree, "$defs": {"t": {"properties": {name: {"$ref": "#/$defs/t"} for name in "abcdefgh"}}}}
    assert list(sample(wide)) == list("abcdefgh")
