"""Runs of skills with a list of models: which failures the next one continues, and that no reply is paid twice."""

from __future__ import annotations

from typing import Any

import pytest

from backend.money.ledger import audit
from tests.doubles.messages import Answer, calls, refuses, says
from tests.doubles.openai_api import OpenAIServer
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool, bundle
from workers.agent.environment import RunEnvironment

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, SECOND = "claude/opus-4-8", "claude/haiku-4-5"
IDS = {"claude-opus-4-8": FIRST, "claude-haiku-4-5": SECOND}


def listed(*models: str, more: str = "") -> dict[str, bytes]:
    files = bundle(more)
    manifest = files["skills/sum/skill.yaml"].decode()
    text = manifest.replace("model: claude/haiku-4-5", f"model: [{', '.join(models)}]")
    return {**files, "skills/sum/skill.yaml": text.encode()}


def submit_result() -> Answer:
    return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)


def by_model(agents: Agents, **scripts: list[Answer]) -> None:
    """Let each model reply by its own script."""
    left = {name: list(answers) for name, answers in scripts.items()}

    def reply(body: dict[str, Any]) -> Answer:
        return left["first" if IDS[body["model"]] == FIRST else "second"].pop(0)

    agents.upstream.script = reply


FOUND = {"type": "web_search_result", "title": "Owls", "url": "https://owls.example.org/"}
SEARCHED = says(
    {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [FOUND]},
    "They hunt at night.",
    input_tokens=1_000,
    output_tokens=10,
)


async def test_web_search_uses_the_model_that_continues_the_run(agents: Agents) -> None:
    await agents.project.pushed(listed(FIRST, SECOND, more="network: public\n"))
    agents.environment = RunEnvironment(agents.instance)
    search = says(calls("web_search", query="owls"), input_tokens=20, output_tokens=2)
    by_model(agents, first=[refuses(529)], second=[search, SEARCHED, submit_result()])
    job = await agents.run()
    assert (job["status"], job["result"]) == ("succeeded", DONE)
    (result,) = [
        one for one in await agents.payloads(job["id"], "tool_result") if one["tool"] == "web_search"
    ]
    assert (result["ok"], result["count"]) == (True, 1)
    # At the price of the second model, with its margin: $1 and $5 per million tokens.
    assert result["billed_micros"] == (1_000 + 10 * 5) * 120 // 100
    assert [IDS[body["model"]] for body in agents.upstream.bodies] == [FIRST, SECOND, SECOND, SECOND]


async def test_model_without_web_search_learns_that_it_has_none(agents: Agents, openai: OpenAIServer) -> None:
    await agents.project.pushed(listed(FIRST, "gpt/5-mini", more="network: public\n"))
    agents.environment, agents.openai = RunEnvironment(agents.instance), openai
    agents.family_apis = {"gpt": "chat"}
    agents.upstream.script = [refuses(529)]
    openai.script = [says(calls("web_search", query="owls")), submit_result()]
    job = await agents.run()
    assert (job["status"], job["result"]) == ("succeeded", DONE)
    (result,) = [
        one for one in await agents.payloads(job["id"], "tool_result") if one["tool"] == "web_search"
    ]
    assert not result["ok"]
    assert "has no web search" in result["preview"]
    assert agents.upstream.asked == 1


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        pytest.param(refuses(529), "outage", id="overloaded"),
        pytest.param(refuses(503), "outage", id="unavailable"),
        pytest.param(says("half of it").but(cut_after=4), "outage", id="cut"),
        pytest.param(refuses(401), "key", id="key"),
        pytest.param(refuses(400, "prompt is too long: 9 tokens > 8 maximum"), "context", id="context"),
    ],
)
async def test_next_model_continues_the_run(agents: Agents, failure: Answer, reason: str) -> None:
    await agents.project.pushed(listed(FIRST, SECOND))
    agents.tools = [CountingTool()]
    look = says(calls("look", at="a tree"), input_tokens=1_000, output_tokens=10)
    by_model(agents, first=[look, failure], second=[submit_result()])
    job = await agents.run()
    assert (job["status"], job["result"], job["attempt"]) == ("succeeded", DONE, 1)
    (event,) = await agents.payloads(job["id"], "model_failover")
    assert (event["from"], event["to"], event["reason"], event["step"]) == (FIRST, SECOND, reason, 2)
    assert "claude-opus" not in event["error"]
    responses = await agents.payloads(job["id"], "model_response")
    assert [(one["model"], one["step"]) for one in responses] == [(FIRST, 1), (SECOND, 2)]
    assert job["cost_micros"] == (5_000 + 250) * 120 // 100 + 36
    assert agents.upstream.answered == 2
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_cheaper_model_continues_when_the_budget_is_short(agents: Agents) -> None:
    await agents.project.pushed(listed(FIRST, SECOND, more="limits: {cost_usd: 0.015}\n"))
    by_model(agents, first=[], second=[submit_result()])
    job = await agents.run()
    (event,) = await agents.payloads(job["id"], "model_failover")
    assert (job["status"], event["reason"], event["step"]) == ("succeeded", "budget", 1)
    assert job["cost_micros"] == 36


async def test_resumed_run_continues_with_the_model_that_replied_last(agents: Agents) -> None:
    await agents.project.pushed(listed(FIRST, SECOND))
    agents.tools = [CountingTool()]
    look = says(calls("look", at="a tree"), input_tokens=20, output_tokens=2)
    # Both are unavailable in the second step, so that the run pauses; the first one would reply by then.
    by_model(
        agents,
        first=[refuses(529), submit_result()],
        second=[look, refuses(529, retry_after="0"), submit_result()],
    )
    job_id = await agents.submit()
    async with agents.running_worker():
        job = await agents.wait_until(job_id, lambda job: job["finished_at"] is not None)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    responses = await agents.payloads(job_id, "model_response")
    assert [one["model"] for one in responses] == [SECOND, SECOND]
    assert len(await agents.payloads(job_id, "model_failover")) == 1
    assert job["cost_micros"] == 72


async def test_model_of_the_job_is_not_replaced(agents: Agents) -> None:
    await agents.project.pushed(listed(FIRST, SECOND))
    by_model(agents, first=[refuses(401)], second=[])
    job = await agents.run(model=FIRST)
    assert (job["status"], job["error_code"]) == ("failed", "model_key_refused")


async def test_error_of_the_last_model_is_that_of_the_job(agents: Agents) -> None:
    await agents.project.pushed(listed(FIRST, SECOND))
    by_model(agents, first=[refuses(401)], second=[refuses(403)])
    job = await agents.run()
    assert (job["error_code"], job["cost_micros"]) == ("model_key_refused", 0)
    assert f"'{SECOND}'" in job["error"]
