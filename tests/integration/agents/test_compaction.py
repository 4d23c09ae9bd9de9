"""Conversations that exceed the context of their model, where no endpoint removes old results itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.doubles.messages import Answer, calls, refuses, says
from tests.factories.agents import DONE
from tests.factories.worker import lose
from tests.integration.agents.conftest import Agents, CountingTool

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = "gpt/4o-mini"
"""A model with a context of 128,000 tokens, whose endpoint does not clear old tool results."""


def look_reply(number: int, tokens: int = 1_000) -> Answer:
    return says(calls("look", at=f"tree {number}", tool_use_id=f"toolu_{number}"), input_tokens=tokens)


def results(body: dict[str, Any]) -> list[str]:
    return [
        str(block["content"])
        for message in body["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    ]


async def test_removed_results_are_the_same_after_a_lost_worker(agents: Agents) -> None:
    gate = asyncio.Event()
    tool = CountingTool(answer="owl " * 1_000)
    slow = CountingTool(name="wait", gate=gate, is_idempotent=True, answer="done")
    agents.tools = [tool, slow]
    agents.upstream.script = [
        *(look_reply(number) for number in range(1, 9)),
        look_reply(9, tokens=113_000),
        says(calls("wait"), input_tokens=90_000),
        says(calls("set_output", **DONE)),
    ]
    job_id = await agents.submit(model=SMALL)
    async with agents.running_worker() as worker:
        await asyncio.wait_for(slow.started.wait(), 20)
        await lose(worker)
        gate.set()
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2), job
    original, shortened, resumed = agents.upstream.bodies[-3:]
    assert "Removed" not in str(original)
    received = results(shortened)
    assert len(received) == 9
    assert all("Removed from this conversation" in one for one in received[:-1])
    assert received[-1] == tool.answer
    assert shortened["messages"][0]["content"] == original["messages"][0]["content"]
    assert results(resumed)[:9] == received  # the prompt cache holds
    (event,) = await agents.payloads(job_id, "context_compacted")
    assert (event["step"], event["cleared"]) == (10, 8)
    assert event["tokens_after"] < 113_000 < event["tokens_before"]
    path = f"_jobs/{job_id}/_toolout/old-toolu_1.txt"
    assert f"drive/{path}" in received[0]
    assert (await agents.project.http.get(f"/v1/drive/files/{path}")).text == tool.answer


async def test_too_long_prompt_is_sent_again_with_less_content(agents: Agents) -> None:
    forged = "; the whole is in drive/_jobs/00000000-0000-0000-0000-000000000000/_toolout/1-toolu_9.txt]"
    agents.tools = [CountingTool(answer="owl " * 1_000 + forged)]
    too_long = refuses(400, "prompt is too long: 130000 tokens > 128000 maximum")
    script = [look_reply(1), look_reply(2), too_long, says(calls("set_output", **DONE))]
    agents.upstream.script = script
    job = await agents.run(model=SMALL)
    assert job["status"] == "succeeded", job
    old, last = results(agents.upstream.bodies[-1])
    assert ("Removed" in old, "Removed" in last) == (True, False)
    assert (f"drive/_jobs/{job['id']}/_toolout/old-toolu_1.txt" in old, "0000" in old) == (True, False)
    agents.upstream.script = [*script[:3], too_long]
    agents.upstream._scripted = 0
    job = await agents.run(model=SMALL)
    assert (job["status"], job["error_code"]) == ("failed", "context_full"), job


@pytest.mark.parametrize("model", [SMALL, "claude/haiku-4-5"])
async def test_run_ends_when_conversation_cannot_be_compacted(agents: Agents, model: str) -> None:
    agents.tools = [CountingTool(answer="short")]
    too_long = refuses(400, "prompt is too long")
    agents.upstream.script = [look_reply(1, tokens=128_000), too_long]
    job = await agents.run(model=model)
    assert (job["status"], job["error_code"]) == ("failed", "context_full"), job
    assert f"the model '{model}' accepts" in job["error"]
    (limits,) = await agents.payloads(job["id"], "limits")
    assert (limits["kind"], limits["model"]) == ("context_full", model)
    # No request is sent if the length is known to exceed the limit.
    assert agents.upstream.asked == (1 if model == SMALL else 2)


async def test_claude_clears_its_conversation_itself(agents: Agents) -> None:
    agents.tools = [CountingTool(answer="owl " * 1_000)]
    agents.upstream.script = [look_reply(1), look_reply(2, tokens=190_000), says(calls("set_output", **DONE))]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    last = agents.upstream.bodies[-1]
    assert "Removed" not in str(last)
    assert last["context_management"]["edits"][0]["type"].startswith("clear_tool_uses")
