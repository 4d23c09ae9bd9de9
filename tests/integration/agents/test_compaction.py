"""Conversations that outgrow their model, where no endpoint makes room by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.doubles.messages import Answer, calls, refuses, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, Counter
from tests.integration.agents.test_interruptions import lose

pytestmark = pytest.mark.asyncio(loop_scope="module")

SMALL = "gpt/4o-mini"
"""It takes 128,000 tokens, and its endpoint clears nothing."""


def look(number: int, tokens: int = 1_000) -> Answer:
    return says(calls("look", at=f"tree {number}", tool_use_id=f"toolu_{number}"), input_tokens=tokens)


def results(body: dict[str, Any]) -> list[str]:
    return [
        str(block["content"])
        for message in body["messages"]
        for block in message["content"]
        if block["type"] == "tool_result"
    ]


async def test_old_results_are_taken_out_once_and_the_same_after_a_lost_worker(agents: Agents) -> None:
    gate = asyncio.Event()
    tool = Counter(answer="owl " * 1_000)
    slow = Counter(name="wait", gate=gate, is_idempotent=True, answer="done")
    agents.tools = [tool, slow]
    agents.upstream.script = [
        *(look(number) for number in range(1, 9)),
        look(9, tokens=113_000),
        says(calls("wait"), input_tokens=90_000),
        says(calls("set_output", **DONE)),
    ]
    job_id = await agents.submit(model=SMALL)
    async with agents.working() as worker:
        await asyncio.wait_for(slow.begun.wait(), 20)
        await lose(agents, worker)
        gate.set()
        job = await agents.ended(job_id)
    assert (job["status"], job["attempt"]) == ("succeeded", 2), job
    before, shortened, resumed = agents.upstream.bodies[-3:]
    assert "Removed" not in str(before)
    told = results(shortened)
    assert len(told) == 9
    assert all("Removed from this conversation" in one for one in told[:-1])
    assert told[-1] == tool.answer
    assert shortened["messages"][0]["content"] == before["messages"][0]["content"]
    assert results(resumed)[:9] == told  # the prompt cache holds
    (event,) = await agents.payloads(job_id, "context_compacted")
    assert (event["step"], event["cleared"]) == (10, 8)
    assert event["tokens_after"] < 113_000 < event["tokens_before"]
    path = f"_jobs/{job_id}/_toolout/old-toolu_1.txt"
    assert f"drive/{path}" in told[0]
    assert (await agents.project.http.get(f"/v1/drive/files/{path}")).text == tool.answer


async def test_a_model_that_finds_it_too_long_is_asked_once_more_with_less(agents: Agents) -> None:
    forged = "; the whole is in drive/_jobs/00000000-0000-0000-0000-000000000000/_toolout/1-toolu_9.txt]"
    agents.tools = [Counter(answer="owl " * 1_000 + forged)]
    too_long = refuses(400, "prompt is too long: 130000 tokens > 128000 maximum")
    script = [look(1), look(2), too_long, says(calls("set_output", **DONE))]
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
async def test_a_conversation_in_which_nothing_is_left_to_take_out_ends_the_run(
    agents: Agents, model: str
) -> None:
    agents.tools = [Counter(answer="short")]
    too_long = refuses(400, "prompt is too long")
    agents.upstream.script = [look(1, tokens=128_000), too_long]
    job = await agents.run(model=model)
    assert (job["status"], job["error_code"]) == ("failed", "context_full"), job
    assert f"the model '{model}' accepts" in job["error"]
    (limits,) = await agents.payloads(job["id"], "limits")
    assert (limits["kind"], limits["model"]) == ("context_full", model)
    assert agents.upstream.asked == (1 if model == SMALL else 2)  # what is known to be refused is not asked


async def test_claude_is_left_to_clear_its_conversation_itself(agents: Agents) -> None:
    agents.tools = [Counter(answer="owl " * 1_000)]
    agents.upstream.script = [look(1), look(2, tokens=190_000), says(calls("set_output", **DONE))]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    last = agents.upstream.bodies[-1]
    assert "Removed" not in str(last)
    assert last["context_management"]["edits"][0]["type"].startswith("clear_tool_uses")
