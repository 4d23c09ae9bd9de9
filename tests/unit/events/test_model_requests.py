"""The request of a model call is built again from the journal of its run."""

from __future__ import annotations

from typing import Any

from backend.execution.journal.service import (
    CLEARED_PLACE,
    NOTE_PLACE,
    TEXT_PLACE,
    TOOLS_PLACE,
    Entry,
    Kind,
)
from backend.execution.model_calls.cutting import MAX_CHARACTERS, MAX_TEXT_CHARACTERS, Cutter
from backend.execution.model_calls.requests import request_of

TOOLS = [{"name": "look", "description": "Looks.", "input_schema": {"type": "object"}}]


def entry(step: int, place: int, kind: Kind, **content: Any) -> Entry:
    return Entry(step, place, kind, content)


def opening(**more: Any) -> Entry:
    user = {"role": "user", "content": [{"type": "text", "text": "owls"}]}
    content = {"model": "m/1", "system": "You look.", "messages": [user], "tools": ["look"]} | more
    return entry(0, 0, "opening", **content)


def reply(step: int, *blocks: dict[str, Any], stop_reason: str = "tool_use", model: str = "m/1") -> Entry:
    return entry(step, 0, "reply", blocks=list(blocks), stop_reason=stop_reason, model=model)


def call(number: int) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {}}


def result(step: int, place: int, number: int, content: str, *, ok: bool = True) -> Entry:
    return entry(step, place, "result", tool_use_id=f"toolu_{number}", content=content, ok=ok)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_request_has_the_replies_results_and_notes_before_it() -> None:
    entries = [
        opening(tool_specs=TOOLS),
        reply(1, text(" "), call(1), call(2)),
        result(1, 2, 2, "no owl", ok=False),
        result(1, 1, 1, "an owl"),
        entry(1, NOTE_PLACE, "note", text="Another sandbox."),
        reply(2, text("Here."), stop_reason="end_turn"),
        entry(2, TEXT_PLACE, "note", text="Submit a result."),
        reply(3, call(3), model="m/2"),
    ]
    request = request_of(entries, 3)
    assert request is not None
    assert [message["role"] for message in request.messages] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert request.messages[1]["content"] == [call(1), call(2)]
    assert request.messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "an owl"},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "no owl", "is_error": True},
        text("Another sandbox."),
    ]
    assert request.messages[4]["content"] == [text("Submit a result.")]
    assert (request.model, request.tools, request.notes) == ("m/2", TOOLS, [])
    first = request_of(entries, 1)
    assert first is not None
    assert (len(first.messages), first.model) == (1, "m/1")


def test_request_after_the_last_reply_exists_once_its_calls_have_results() -> None:
    entries = [opening(tool_specs=TOOLS), reply(1, call(1))]
    assert request_of(entries, 2) is None
    unanswered = request_of([*entries, result(1, 1, 1, "an owl")], 2)
    assert unanswered is not None
    assert unanswered.reply is None
    assert request_of(entries, 3) is None
    assert request_of([], 1) is None


def test_removed_results_and_turns_are_replaced_from_the_step_on() -> None:
    earlier = [{"role": "assistant", "content": [text("Long ago.")]}, *opening().content["messages"]]
    entries = [
        opening(tool_specs=TOOLS, messages=earlier),
        reply(1, call(1)),
        result(1, 1, 1, "a long result"),
        entry(1, CLEARED_PLACE, "note", cleared={"toolu_1": "[Removed]", "message-0": "[Old]"}),
        reply(2, call(2)),
    ]
    before, after = request_of(entries, 1), request_of(entries, 2)
    assert before is not None
    assert after is not None
    assert before.messages[0]["content"] == [text("Long ago.")]
    assert after.messages[0]["content"] == [text("[Old]")]
    assert after.messages[-1]["content"][0]["content"] == "[Removed]"


def test_later_tools_apply_from_their_step_on() -> None:
    more = [*TOOLS, {"name": "find"}]
    entries = [
        opening(tool_specs=TOOLS),
        reply(1, call(1)),
        result(1, 1, 1, "an owl"),
        entry(1, TOOLS_PLACE, "note", tool_specs=more),
        reply(2, call(2)),
    ]
    first, second = request_of(entries, 1), request_of(entries, 2)
    assert first is not None
    assert second is not None
    assert (first.tools, second.tools) == (TOOLS, more)


def test_journals_of_older_versions_name_what_they_do_not_have() -> None:
    entries = [opening(), reply(1, text("Here."), stop_reason="end_turn"), reply(2, call(2))]
    request = request_of(entries, 2)
    assert request is not None
    assert request.tools == [{"name": "look"}]
    assert len(request.notes) == 2


def test_long_texts_are_cut_and_files_are_replaced_by_their_size() -> None:
    cutter = Cutter()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4_000}}
    cut = cutter.value([text("x" * (MAX_TEXT_CHARACTERS + 5)), image])
    assert cut[0]["text"].endswith("… (5 more characters)")
    assert cut[1]["source"]["data"] == "(3,000 bytes)"
    assert cutter.omitted == 4_005
    many = Cutter().value(["y" * MAX_TEXT_CHARACTERS] * 200)
    assert sum(map(len, many)) < MAX_CHARACTERS + 200 * 500
