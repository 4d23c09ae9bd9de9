"""Runs of agents through each API of models: the same results, events and bills, also after interruptions."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from backend.money.ledger import audit
from backend.skills.model_catalog.catalog import ApiName
from tests.doubles.messages import Answer, calls, refuses, says, thinks
from tests.doubles.openai_api import OpenAIServer
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held
from tests.factories.worker import lose
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.agents.test_interruptions import submit_result, until_held
from workers.llm.retry_policy import RetryPolicy

pytestmark = pytest.mark.asyncio(loop_scope="module")

APIS: tuple[ApiName, ...] = ("messages", "chat", "responses")
QUICK = RetryPolicy(attempts=3, first_wait_s=0.001, max_backoff_s=0.002)
_VARYING = {
    "duration_ms",
    "phases",
    "tool_use_id",
    "job_id",
    "worker_id",
    "wait_s",
    "blocks",
    "attempt_id",
    "id",
}


@pytest.fixture(params=APIS)
def api(request: pytest.FixtureRequest, agents: Agents, openai: OpenAIServer) -> ApiName:
    agents.openai = openai
    return set_api(agents, request.param)


def set_api(agents: Agents, api: ApiName) -> ApiName:
    agents.api, agents.retry_policy = api, QUICK
    return api


def script(agents: Agents, answers: Any) -> Any:
    """Let the server of the API reply by this script, and return the server."""
    assert agents.openai is not None
    server = agents.upstream if agents.api == "messages" else agents.openai
    server.restart()
    server.script = answers
    return server


def stable(events: Sequence[Any]) -> list[Any]:
    """Return events without what differs between two runs."""
    return [
        (event["type"], {name: value for name, value in event["payload"].items() if name not in _VARYING})
        for event in events
        if event["type"] not in ("queued", "started")
    ]


def of_a_whole_run() -> list[Answer]:
    return [
        refuses(429, retry_after="0"),
        says("half of it is here").but(cut_after=2),
        says(
            thinks("Which owl?"),
            "I will look.",
            calls("look", tool_use_id="c1", at="a tree", _label="Looking"),
            calls("look", tool_use_id="c2", at="nowhere"),
            input_tokens=1_000,
            output_tokens=100,
        ),
        says(
            calls("set_output", summary="Owls.", score="high"),
            input_tokens=300,
            cache_read=900,
            output_tokens=9,
        ),
        says("The first ", stop_reason="max_tokens", input_tokens=10, output_tokens=3),
        says(calls("set_output", **DONE), input_tokens=20, output_tokens=2),
    ]


async def test_result_events_and_bill_are_the_same_in_each_api(agents: Agents, openai: OpenAIServer) -> None:
    agents.openai = openai
    jobs, events, receipts = [], [], []
    for api in APIS:
        set_api(agents, api)
        agents.tools = [
            CountingTool(is_read_only=False)
        ]  # one call after the other, so that events have one order
        server = script(agents, of_a_whole_run())
        job = await agents.run()
        assert (job["status"], job["result"], job["steps"]) == ("succeeded", DONE, 4), (api, job["error"])
        assert server.asked == 6
        usage = {name: value for name, value in job["usage"].items() if not name.endswith("_s")}
        jobs.append((job["result"], job["cost_micros"], job["steps"], job["model"], usage))
        events.append(stable(await agents.events(job["id"])))
        receipt = (await agents.project.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
        receipts.append(
            [
                {name: item[name] for name in ("kind", "quantity", "billed_micros", "model")}
                for item in receipt["lines"]
            ]
        )
    assert jobs[0] == jobs[1] == jobs[2]
    assert events[0] == events[1] == events[2]
    assert receipts[0] == receipts[1] == receipts[2]
    kinds = [kind for kind, _ in events[0]]
    assert kinds.count("model_retry") == 2
    assert kinds.count("model_response") == 4


async def test_run_of_lost_worker_resumes_without_repeated_costs(agents: Agents, api: ApiName) -> None:
    tool = CountingTool(is_read_only=False)
    agents.tools = [tool]
    topics = {f"{api}-{step}": step for step in (1, 2, 3)}
    held = Held(topics, steps=3)
    server = script(agents, held)
    jobs = [await agents.submit(inputs={"topic": topic}) for topic in topics]
    async with agents.running_worker(capacity=3) as worker:
        await until_held(held, 3)
        await lose(worker)
        held.release.set()
        ended = [await agents.wait_for_end(job_id) for job_id in jobs]
    assert {(job["status"], job["attempt"], job["steps"]) for job in ended} == {("succeeded", 2, 3)}
    assert {job["cost_micros"] for job in ended} == {3 * PER_REPLY_MICROS}
    assert set(held.replies.values()) == {1}
    assert server.answered == 9
    assert len({call.idempotency_key for call in tool.calls}) == len(tool.calls) == 6
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_run_is_cancelled_during_a_reply(agents: Agents, api: ApiName) -> None:
    release = threading.Event()
    server = script(agents, [says("one two three four five").but(hold_after=2, release=release)])
    job_id = await agents.submit()
    async with agents.running_worker():
        async with asyncio.timeout(10):
            while not server.asked:  # noqa: ASYNC110 - the server has a thread of its own
                await asyncio.sleep(0.01)
        assert (await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")).status_code < 300
        job = await agents.wait_for_end(job_id)
        await server.wait_disconnected()
    release.set()
    assert (job["status"], job["cost_micros"], server.answered) == ("cancelled", 0, 0)


async def test_prose_instead_of_a_result_gets_a_turn_that_must_submit(agents: Agents, api: ApiName) -> None:
    server = script(agents, [says("The owls fly at night, I would say 3."), submit_result()])
    agents.tools = [CountingTool()]
    job = await agents.run()
    assert (job["status"], job["result"], job["steps"]) == ("succeeded", DONE, 2)
    first, second = server.bodies
    assert "tool_choice" not in first
    forced = {"type": "tool", "name": "set_output"} if api == "messages" else "required"
    assert second["tool_choice"] == forced
    assert "Call set_output" in str(second)


@pytest.mark.parametrize(
    "text",
    [
        '{"summary": "Owls fly at night.", "score": 3}',
        'Here it is:\n\n```json\n{"summary": "Owls fly at night.", "score": 3}\n```\nThat is all.',
        '<tool_call>\n{"name": "set_output", "arguments": {"summary": "Owls fly at night.", "score": 3}}\n</tool_call>',
    ],
    ids=["json", "fenced", "call"],
)
async def test_result_written_as_text_is_accepted(agents: Agents, openai: OpenAIServer, text: str) -> None:
    agents.openai = openai
    set_api(agents, "chat")
    server = script(agents, [says(text)])
    job = await agents.run()
    assert (job["status"], job["result"], server.asked) == ("succeeded", DONE, 1)


async def test_estimated_usage_is_marked_on_the_receipt(agents: Agents, openai: OpenAIServer) -> None:
    agents.openai, agents.tools = openai, [CountingTool()]
    set_api(agents, "chat")
    look = says(calls("look", at="a tree"), input_tokens=20, output_tokens=2)

    def reply(body: dict[str, Any]) -> Answer:
        openai.reports_usage = openai.asked == 1
        return look if openai.asked == 1 else says(calls("set_output", **DONE))

    script(agents, reply)
    job = await agents.run()
    receipt = (await agents.project.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
    lines = [line for line in receipt["lines"] if line["kind"] == "model"]
    assert [(line["step"], line["is_estimated"]) for line in lines] == [(1, False), (2, True)]
    assert lines[1]["quantity"]["input_tokens"] > 22
    assert receipt["notes"] == [
        "The provider reported no usage for one reply. "
        "The tokens and the price are estimated by the length of the texts."
    ]
    responses = await agents.payloads(job["id"], "model_response")
    assert [one.get("is_estimated") for one in responses] == [None, True]
    assert job["usage"]["is_estimated"] is True


async def test_refusal_and_content_filter_end_the_run(agents: Agents, api: ApiName) -> None:
    script(agents, [says("No.", stop_reason="refusal")])
    job = await agents.run()
    assert (job["status"], job["error_code"]) == ("failed", "refused")


async def test_rejected_key_ends_the_run_without_a_bill(agents: Agents, api: ApiName) -> None:
    script(agents, [refuses(401, "Incorrect API key provided: sk-abc***")])
    job = await agents.run()
    assert (job["error_code"], job["cost_micros"]) == ("model_key_refused", 0)
    assert "sk-abc" not in job["error"]
