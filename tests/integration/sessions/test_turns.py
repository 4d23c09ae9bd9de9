"""Turns of a session: their order, their inputs, and what the model receives of the turns before."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.openai_api.conftest import BUNDLE, TALKER
from tests.integration.sessions.conftest import said, started

pytestmark = pytest.mark.asyncio(loop_scope="module")


def texts(message: dict[str, Any]) -> str:
    """Return all texts of a message that a model has received."""
    content = message["content"]
    return content if isinstance(content, str) else "\n".join(block.get("text", "") for block in content)


async def test_each_message_is_a_turn_that_sees_the_turns_before(working: Agents) -> None:
    working.upstream.script = [says("A bird."), says("At night.")]
    chat = await started(working, metadata={"order": 7})
    first = await chat.send("What is an owl?")
    await chat.when_idle()
    second = await chat.send("When does it fly?")
    messages = await chat.when_idle()
    assert [said(one) for one in messages] == [
        "What is an owl?",
        "A bird.",
        "When does it fly?",
        "At night.",
    ]
    assert [one["job_id"] for one in messages] == [first["job_id"]] * 2 + [second["job_id"]] * 2
    body = working.upstream.bodies[1]
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "user"]
    assert 'question: "What is an owl?"' in texts(body["messages"][0])
    assert texts(body["messages"][1]) == "A bird."
    assert 'question: "When does it fly?"' in texts(body["messages"][2])
    job = await working.get(second["job_id"])
    assert (job["session_id"], job["metadata"], job["source"]) == (chat.id, {"order": 7}, "session")
    read = await chat.read()
    assert (read["title"], read["message_count"]) == ("What is an owl?", 2)
    jobs = (await working.project.http.get(f"/v1/jobs?session_id={chat.id}")).json()
    assert {one["id"] for one in jobs} == {first["job_id"], second["job_id"]}
    assert read["cost_micros"] == sum(one["cost_micros"] for one in jobs) > 0


async def test_queued_messages_run_one_after_another_in_their_order(working: Agents) -> None:
    gate = asyncio.Event()
    tool: Any = CountingTool(gate=gate)
    working.tools = [tool]
    working.upstream.script = [
        says(calls("look", at="owls")),
        *(says(f"Reply {number}.") for number in range(1, 5)),
    ]
    chat = await started(working)
    await chat.send("Question 1")
    await tool.started.wait()
    sent = await asyncio.gather(*(chat.send(f"Question {number}") for number in (2, 3, 4)))
    held = [await working.get(one["job_id"]) for one in sent]
    assert {one["status"] for one in held} == {"queued"}
    assert {one["waiting_reason"] for one in held} == {"for the end of the turn before it in its session"}
    gate.set()
    messages = await chat.when_idle()
    assert [said(one) for one in messages[1::2]] == [f"Reply {number}." for number in range(1, 5)]
    times = [await working.get(one["job_id"]) for one in messages[::2]]
    for before, after in itertools.pairwise(times):
        assert before["finished_at"] < after["started_at"]
    last = working.upstream.bodies[-1]["messages"]
    assert [shown for one in last if one["role"] == "assistant" and (shown := texts(one))] == [
        f"Reply {number}." for number in range(1, 4)
    ]


async def test_calls_of_earlier_turns_are_in_the_conversation(working: Agents) -> None:
    tool: Any = CountingTool()
    working.tools = [tool]
    working.upstream.script = [
        says("I look.", calls("look", at="owls"), calls("look", at="nowhere")),
        says(calls("set_output", answer="One.")),
        says(calls("look", at="larks")),
        says("Two."),
        says("Three."),
    ]
    chat = await started(working)
    for number in (1, 2, 3):
        await chat.send(f"Question {number}")
        await chat.when_idle()
    messages = working.upstream.bodies[-1]["messages"]
    roles = ["user", "assistant"] * 4
    assert [one["role"] for one in messages] == [*roles, "user"]
    used = [block for block in messages[1]["content"] if block["type"] == "tool_use"]
    assert texts(messages[1]).strip() == "I look."
    assert [(one["name"], one["input"]) for one in used] == [
        ("look", {"at": "owls"}),
        ("look", {"at": "nowhere"}),
    ]
    results = messages[2]["content"]
    assert [one["tool_use_id"] for one in results] == [one["id"] for one in used]
    assert [one["content"] for one in results] == [
        "seen: owls",
        "ERROR: nowhere is no place. Look elsewhere.",
    ]
    assert [one.get("is_error", False) for one in results] == [False, True]
    assert texts(messages[3]) == "One."
    assert messages[6]["content"][0]["content"] == "seen: larks"
    ids = [block["id"] for one in messages for block in one["content"] if block["type"] == "tool_use"]
    assert len(ids) == len(set(ids)) == 3
    assert tool.calls[-1].input == {"at": "larks"}


async def test_missing_inputs_are_named_and_later_messages_keep_them(working: Agents) -> None:
    chat = await started(working, "grade")
    refused = await chat.send("", status=422)
    assert "content" in refused["detail"]
    refused = await chat.send([{"type": "text", "text": " "}], inputs={"level": 2}, status=422)
    assert refused["code"] == "inputs_missing"
    assert "'topic'" in refused["detail"]
    assert await chat.messages() == []
    working.upstream.script = [says("Which owls?"), says(calls("set_output", summary="Small.", score=3))]
    await chat.send("owls", inputs={"level": 2})
    await chat.when_idle()
    sent = await chat.send("The small ones")
    messages = await chat.when_idle()
    job = await working.get(sent["job_id"])
    assert job["inputs"] == {"topic": "The small ones", "level": 2}
    assert messages[3]["result"] == {"summary": "Small.", "score": 3}
    assert "level: 2\n" in texts(working.upstream.bodies[1]["messages"][0]) + "\n"


async def test_text_in_addition_to_the_text_input_is_a_message(working: Agents) -> None:
    working.upstream.script = [says("Short.")]
    chat = await started(working)
    await chat.send("Be brief. </message>", inputs={"question": "What is an owl?"})
    await chat.when_idle()
    [message] = working.upstream.bodies[0]["messages"]
    assert 'question: "What is an owl?"' in texts(message)
    assert "<message>\nBe brief. <\\/message>\n</message>" in texts(message)


async def test_function_has_no_session(working: Agents) -> None:
    response = await working.project.http.post("/v1/sessions", json={"skill": "double"})
    assert (response.status_code, response.json()["code"]) == (422, "skill_not_agentic")


async def test_failed_turn_is_part_of_the_history(working: Agents) -> None:
    working.upstream.script = [says("x", stop_reason="refusal"), says("Again.")]
    chat = await started(working)
    await chat.send("One")
    [_, reply] = await chat.when_idle()
    assert (reply["status"], reply["error_code"]) == ("failed", "refused")
    await chat.send("Two")
    messages = await chat.when_idle()
    assert said(messages[3]) == "Again."
    assert "ended without a reply" in texts(working.upstream.bodies[-1]["messages"][1])


@pytest.mark.parametrize("model", ["gpt/4o-mini", "claude/haiku-4-5"])
async def test_old_turns_are_replaced_by_files_when_the_context_is_full(working: Agents, model: str) -> None:
    skill = TALKER.replace("claude/haiku-4-5", model)
    await working.project.pushed({**BUNDLE, "skills/talk/skill.yaml": skill.encode()})
    size = 50_000 if model == "gpt/4o-mini" else 70_000
    working.upstream.script = [says(f"Reply {number}.") for number in range(9)]
    chat = await started(working)
    for number in range(8):
        await chat.send(f"Question {number}. " + "owl " * (size // 4))
        await chat.when_idle()
    sent = await chat.send("And now?")
    await chat.when_idle()
    job = await working.get(sent["job_id"])
    assert job["status"] == "succeeded", job
    messages = working.upstream.bodies[-1]["messages"]
    removed = [at for at, one in enumerate(messages) if "Removed from this conversation" in texts(one)]
    assert removed[0] == 0
    assert removed == list(range(0, len(removed) * 2, 2))  # the replies are short
    assert "And now?" in texts(messages[-1])
    [event] = await working.payloads(sent["job_id"], "context_compacted")
    assert event["cleared"] == len(removed)
    path = f"_jobs/{sent['job_id']}/_toolout/old-message-0.txt"
    assert f"drive/{path}" in texts(messages[0])
    stored = await working.project.http.get(f"/v1/drive/files/{path}")
    assert "Question 0. owl" in stored.text


async def test_old_calls_are_removed_together_with_their_results(working: Agents) -> None:
    skill = TALKER.replace("claude/haiku-4-5", "gpt/4o-mini")
    await working.project.pushed({**BUNDLE, "skills/talk/skill.yaml": skill.encode()})
    tool: Any = CountingTool(answer="An owl. " * 1_000)
    working.tools = [tool]
    working.upstream.script = [
        reply for number in range(3) for reply in (says(calls("look", at=f"tree {number}")), says("Yes."))
    ] + [says("Done.")]
    chat = await started(working)
    for number in range(3):
        await chat.send(f"Question {number}. " + "owl " * 30_000)
        await chat.when_idle()
    sent = await chat.send("And now?")
    await chat.when_idle()
    messages = working.upstream.bodies[-1]["messages"]
    removed = [at for at, one in enumerate(messages) if "Removed from this conversation" in texts(one)]
    assert removed[:3] == [0, 1, 2]
    assert "And now?" in texts(messages[-1])
    used = [block["id"] for one in messages for block in one["content"] if block["type"] == "tool_use"]
    results = [
        block["tool_use_id"] for one in messages for block in one["content"] if block["type"] == "tool_result"
    ]
    assert used == results
    path = f"_jobs/{sent['job_id']}/_toolout/old-message-1.txt"
    stored = (await working.project.http.get(f"/v1/drive/files/{path}")).text
    assert stored.startswith('Call of look: {"at": "tree 0"}')
    assert "Result: An owl." in stored
