"""Subjobs: they use the slot and the money of their caller, run once per call, and never outlive their caller."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.execution.jobs.attempts.subjobs import cancel_orphans
from backend.identity.auth import job_tokens
from backend.identity.auth.credentials import JOB_TOKEN_HEADER
from backend.money.ledger import audit
from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.factories.worker import lose
from tests.integration.agents.conftest import SKILL, Agents, CountingTool, bundle
from workers.agent.tools.subagents import Callers, DescribeSubagent, RunSubagent, subagent_tools

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = SKILL.replace("topic", "question")
REPLY = {"input_tokens": 20, "output_tokens": 2}
REPLY_MICROS = 36
CHAIN = {
    "skills/chain/skill.yaml": b"""entrypoint: flow.yaml
limits: {cost_usd: 2}
input_schema: {type: object}
output_schema: {type: object}
""",
    "skills/chain/flow.yaml": b"steps: [{id: ask, skill: answer, inputs: {question: who?}}]\n",
}


def two_skills(more: str = "") -> dict[str, bytes]:
    """Return the bundle with a second agent, which answers questions."""
    return {
        **bundle(more),
        "skills/answer/skill.yaml": OTHER.encode(),
        "skills/answer/prompt.md": b"You answer questions.",
    }


def submit_result() -> Says:
    return says(calls("set_output", **DONE), **REPLY)


def calls_subagent(target: str = "answer", **inputs: Any) -> Says:
    return says(calls("run_subagent", target=target, inputs=inputs or {"question": "who?"}), **REPLY)


async def with_subagents(agents: Agents, more: str = "") -> None:
    await agents.project.pushed(two_skills(more))
    callers = Callers(agents.instance)
    agents.tools = [RunSubagent(callers), DescribeSubagent(callers)]


async def children(agents: Agents, job_id: str) -> list[Any]:
    jobs = (await agents.project.http.get("/v1/jobs")).json()
    return [job for job in jobs if job["parent_job_id"] == job_id]


async def is_ledger_consistent(agents: Agents) -> bool:
    async with agents.instance.database.transaction() as session:
        return await audit.check_ledger(session) == []


async def test_subjob_uses_slot_and_cap_of_its_caller(
    agents: Agents,
) -> None:
    await with_subagents(agents)
    async with agents.instance.database.transaction() as session:
        query = text("update admissions set concurrency_limit = 1 where project_id = :id")
        await session.execute(query, {"id": agents.project.id})
    agents.upstream.script = [calls_subagent(), submit_result(), submit_result()]
    job_id = await agents.submit(limits={"cost_usd": 0.5})
    async with agents.running_worker(capacity=1):
        job = await agents.wait_for_end(job_id)
    (child,) = await children(agents, job_id)
    assert (job["status"], job["result"]) == ("succeeded", DONE)
    assert (child["status"], child["source"], child["deployment_id"]) == (
        "succeeded",
        "subagent",
        job["deployment_id"],
    )
    assert (job["cost_micros"], job["subjob_cost_micros"]) == (3 * REPLY_MICROS, REPLY_MICROS)
    assert (child["cost_micros"], child["billed_to_job_id"], job["billed_to_job_id"]) == (
        REPLY_MICROS,
        job_id,
        None,
    )
    received = agents.upstream.bodies[2]["messages"][-1]["content"][0]
    assert json.loads(received["content"]) == DONE
    (start,) = await agents.payloads(child["id"], "agent_start")
    assert start["limits"]["cap_micros"] == 500_000 - REPLY_MICROS
    assert await is_ledger_consistent(agents)


async def test_cost_of_subjob_reduces_the_rest_of_its_caller(agents: Agents) -> None:
    await with_subagents(agents)
    expensive = says(calls("set_output", **DONE), input_tokens=8_000, output_tokens=10)
    agents.upstream.script = [calls_subagent(), expensive, submit_result()]
    job = await agents.run(limits={"cost_usd": 0.0105})
    assert (job["status"], job["error_code"], agents.upstream.asked) == ("failed", "cost_capped", 2)
    (event,) = await agents.payloads(job["id"], "cost_capped")
    assert event["spent_micros"] == REPLY_MICROS + 9_660
    assert await is_ledger_consistent(agents)


async def test_subjob_is_not_repeated_after_caller_lost_its_worker(agents: Agents) -> None:
    await with_subagents(agents)
    tool = CountingTool(gate=asyncio.Event(), is_idempotent=True)
    agents.tools = [*agents.tools, tool]
    agents.upstream.script = [
        calls_subagent(),
        says(calls("look"), **REPLY),
        submit_result(),
        submit_result(),
    ]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        await lose(worker)
        assert tool.gate is not None
        tool.gate.set()
        job = await agents.wait_for_end(job_id)
    (child,) = await children(agents, job_id)
    assert (job["status"], job["attempt"], child["attempt"]) == ("succeeded", 2, 2)
    assert agents.upstream.asked == 4
    assert await is_ledger_consistent(agents)


async def test_cancellation_includes_subjobs(agents: Agents) -> None:
    await with_subagents(agents)
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [*agents.tools, tool]
    agents.upstream.script = [calls_subagent(), says(calls("look"), **REPLY)]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        (child,) = await children(agents, job_id)
        await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
        for one in (job_id, child["id"]):
            worker.cancel(UUID(one))
        ended = [await agents.wait_for_end(one) for one in (job_id, child["id"])]
    assert [job["status"] for job in ended] == ["cancelled", "cancelled"]
    assert await is_ledger_consistent(agents)


async def test_running_subjob_is_cancelled_when_its_parent_ends(agents: Agents) -> None:
    await with_subagents(agents)
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [*agents.tools, tool]
    agents.upstream.script = [calls_subagent(), says(calls("look"), **REPLY)]
    job_id = await agents.submit(limits={"timeout_s": 2})
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        assert (await agents.wait_for_end(job_id))["error_code"] == "timeout"
        (child,) = await children(agents, job_id)
        await cancel_orphans(agents.instance.database)
        worker.cancel(UUID(child["id"]))
        assert (await agents.wait_for_end(child["id"]))["status"] == "cancelled"
    assert await is_ledger_consistent(agents)


async def test_agent_receives_errors_of_failed_invalid_and_unknown_calls(agents: Agents) -> None:
    await with_subagents(agents)
    agents.upstream.script = [
        calls_subagent(),
        says("No.", stop_reason="refusal", **REPLY),
        calls_subagent(colour="red"),
        calls_subagent("nobody"),
        says(calls("describe_subagent", target="answer"), **REPLY),
        submit_result(),
    ]
    assert (await agents.run())["status"] == "succeeded"
    failed, invalid, missing, described = (
        body["messages"][-1]["content"][0] for body in agents.upstream.bodies[2:]
    )
    assert "failed (refused)" in str(failed["content"])
    assert "colour" in str(invalid["content"])
    assert "nobody" in str(missing["content"])
    assert json.loads(described["content"])["required"] == ["question"]


async def test_guardrails_of_the_called_skill_check_its_inputs(agents: Agents) -> None:
    await with_subagents(agents)
    guarded = (
        OTHER
        + "rails: [{name: hide, on: input, action: redact, pii: email}, {name: barns, on: input, words: [barn]}]\n"
    )
    await agents.project.pushed({**two_skills(), "skills/answer/skill.yaml": guarded.encode()})
    agents.upstream.script = [
        calls_subagent(question="Who lives in the Barn?"),
        calls_subagent(question="Who is ada@example.org?"),
        submit_result(),
        submit_result(),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded"
    assert "did not pass the guardrail 'barns'" in str(agents.upstream.bodies[1]["messages"][-1])
    (child,) = await children(agents, job["id"])
    assert child["inputs"] == {"question": "Who is [redacted]?"}
    (decision,) = await agents.payloads(child["id"], "rail")
    assert (decision["rail"], decision["action"]) == ("hide", "redact")


async def test_skill_as_tool_has_its_own_inputs_and_can_need_approval(
    agents: Agents,
) -> None:
    declared = "tools: [{name: ask, skill: answer, description: Asks., confirm: true}]\n"
    await agents.project.pushed(two_skills(declared))
    agents.tools_of = lambda assignment: subagent_tools(agents.instance, assignment)
    agents.upstream.script = [says(calls("ask", question="who?"), **REPLY), submit_result(), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker():
        await agents.wait_until(job_id, lambda job: job["status"] == "waiting")
    (approval,) = (await agents.project.http.get(f"/v1/approvals?job_id={job_id}")).json()
    await agents.project.http.post(f"/v1/approvals/{approval['id']}/approve")
    async with agents.running_worker():
        assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    (child,) = await children(agents, job_id)
    assert child["inputs"] == {"question": "who?"}
    tool_schemas = {tool["name"]: tool["input_schema"] for tool in agents.upstream.bodies[0]["tools"]}
    assert set(tool_schemas) == {"ask", "run_subagent", "describe_subagent", "set_output"}
    assert tool_schemas["ask"]["required"] == ["question"]
    assert await is_ledger_consistent(agents)


async def test_model_calls_only_skills_allowed_by_key_or_calling_skill(
    agents: Agents,
) -> None:
    body = {"skill_allowlist": ["sum"], "scopes": ["jobs:submit", "jobs:read_own"]}
    api_key = (await agents.project.http.post("/v1/api-keys", json=body)).json()
    of_key = {"Authorization": f"Bearer {api_key['key']}"}
    agents.tools_of = lambda assignment: subagent_tools(agents.instance, assignment)

    async def run() -> list[str]:
        agents.upstream._scripted = 0
        before = len(agents.upstream.bodies)
        job = {"skill": "sum", "inputs": {"topic": "owls"}}
        response = await agents.project.http.post("/v1/jobs", json=job, headers=of_key)
        assert response.status_code == 201, response.text
        async with agents.running_worker():
            assert (await agents.wait_for_end(response.json()["id"]))["status"] == "succeeded"
        results = []
        for body in agents.upstream.bodies[before + 1 :]:
            blocks = body["messages"][-1]["content"]
            results += [str(block["content"]) for block in blocks if block["type"] == "tool_result"]
        return results

    await agents.project.pushed(two_skills())
    agents.upstream.script = [
        calls_subagent(),
        calls_subagent("nobody"),
        calls_subagent("elsewhere/answer"),
        says(calls("run_subagent", target="answer", inputs={"question": "?"}, version=1), **REPLY),
        says(calls("describe_subagent", target="answer"), **REPLY),
        submit_result(),
    ]
    results = await run()
    assert len(results) == 5
    for name, result in zip(
        ("answer", "nobody", "elsewhere/answer", "answer", "answer"), results, strict=True
    ):
        assert f"may not run {name!r}" in result, result
        assert "skill.yaml" in result, result
    assert not any(job["parent_job_id"] for job in (await agents.project.http.get("/v1/jobs")).json())

    # A declared skill of the calling skill can also be called by name, and a prompt has the permissions of its caller.
    await agents.project.pushed(two_skills("tools: [{name: ask, skill: answer, description: Asks.}]\n"))
    nested = says(calls("run_subagent", prompt="Ask."), **REPLY)
    agents.upstream.script = [
        says(calls("ask", question="who?"), **REPLY), submit_result(), calls_subagent(), submit_result(),
        nested, calls_subagent(), submit_result(), says("Asked.", **REPLY), submit_result(),
    ]  # fmt: skip
    assert not any("may not run" in result for result in await run())
    jobs = (await agents.project.http.get("/v1/jobs")).json()
    assert sorted(job["skill_name"] for job in jobs if job["parent_job_id"]) == ["answer"] * 3 + [
        "sum:@inline"
    ]

    # A skill that the key may run can be called without a declaration.
    await agents.project.pushed(two_skills())
    async with agents.instance.database.transaction() as session:
        widen = text("update api_keys set skill_allowlist = array['sum', '*/answer'] where id = :id")
        await session.execute(widen, {"id": api_key["id"]})
    agents.upstream.script = [calls_subagent(), submit_result(), submit_result()]
    assert not any("may not run" in result for result in await run())


def bundle_with_subskills() -> dict[str, bytes]:
    """Return `answer` and `sum` with two subskills: one is a tool of `sum`, and the other calls the first."""
    parts = {
        **two_skills("tools: [{name: ask, skill: draft, description: Drafts.}]\n"),
        "skills/sum/subskills/draft/skill.yaml": OTHER.encode(),
        "skills/sum/subskills/polish/skill.yaml": OTHER.encode(),
    }
    return {
        **parts,
        **{f"skills/sum/subskills/{name}/prompt.md": b"You help." for name in ("draft", "polish")},
    }


async def test_subskills_can_be_called_only_by_parent_and_siblings(agents: Agents) -> None:
    await agents.project.pushed(bundle_with_subskills())
    agents.tools_of = lambda assignment: subagent_tools(agents.instance, assignment)
    agents.upstream.script = [
        says(calls("ask", question="as a tool"), **REPLY),
        submit_result(),
        calls_subagent("polish"),
        calls_subagent("draft"),
        submit_result(),
        submit_result(),
        submit_result(),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    jobs = {one["id"]: one for one in (await agents.project.http.get("/v1/jobs")).json()}
    child_paths = [
        (jobs[one["parent_job_id"]]["skill_name"], one["skill_name"])
        for one in jobs.values()
        if one["parent_job_id"]
    ]
    assert sorted(child_paths) == [("sum", "sum/draft"), ("sum", "sum/polish"), ("sum/polish", "sum/draft")]
    assert {one["deployment_id"] for one in jobs.values()} == {job["deployment_id"]}

    agents.upstream.script = [calls_subagent("sum/draft"), calls_subagent("draft"), submit_result()]
    agents.upstream._scripted = 0
    before = len(jobs)
    assert (await agents.run(skill="answer", inputs={"question": "who?"}))["status"] == "succeeded"
    by_path, by_name = (body["messages"][-1]["content"][0]["content"] for body in agents.upstream.bodies[-2:])
    assert "only 'sum' can run" in str(by_path)
    assert str(by_name).startswith("ERROR: ")
    assert len((await agents.project.http.get("/v1/jobs")).json()) == before + 1
    assert await is_ledger_consistent(agents)


async def test_job_token_calls_are_idempotent_by_key(agents: Agents) -> None:
    await with_subagents(agents)
    await agents.project.pushed({**two_skills(), **CHAIN})
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look"), **REPLY), submit_result(), submit_result()]
    job_id = await agents.submit(limits={"cost_usd": 0.5})
    http = agents.project.http
    async with agents.running_worker():
        await asyncio.wait_for(tool.started.wait(), 10)
        token = job_tokens.mint(
            agents.instance.vault,
            project_id=agents.project.id,
            job_id=UUID(job_id),
            attempt=1,
            expires_at=now().replace(year=now().year + 1),
        )
        body = {"target": "answer", "inputs": {"question": "who?"}, "key": "one"}
        invoke, headers = "/v1/subagent/invoke", {JOB_TOKEN_HEADER: token}
        answers = [(await http.post(invoke, json=body, headers=headers)).json() for _ in range(2)]
        rejected = await http.post(invoke, json=body)
        too_deep = await _called_from_deep(agents, job_id, headers)
        chain = {"target": "chain", "key": "flow", "timeout": 0}
        flow = (await http.post(invoke, json=chain, headers=headers)).json()
        assert tool.gate is not None
        tool.gate.set()
        await agents.wait_for_end(job_id)
    assert [(response["status"], response["result"]) for response in answers] == [("succeeded", DONE)] * 2
    assert answers[0]["job_id"] == answers[1]["job_id"]
    assert rejected.status_code == 403
    assert (too_deep.status_code, too_deep.json()["code"]) == (409, "subagents_too_deep")
    assert len(await children(agents, job_id)) == 2
    cap = text("select cap_micros from jobs where id = :id")
    async with agents.instance.database.transaction() as session:
        assert await session.scalar(cap, {"id": flow["job_id"]}) == 500_000 - 2 * REPLY_MICROS
    assert await is_ledger_consistent(agents)


async def _called_from_deep(agents: Agents, job_id: str, headers: dict[str, str]) -> Any:
    """Make the sixth call of a chain."""
    chain = [await agents.submit(run_at=(now() + timedelta(days=300)).isoformat()) for _ in range(5)]
    link = text("update jobs set parent_job_id = :parent where id = :id")
    lower = [*chain[1:], job_id]
    async with agents.instance.database.transaction() as session:
        for parent, child in zip(chain, lower, strict=True):
            await session.execute(link, {"parent": parent, "id": child})
    body = {"target": "answer", "inputs": {"question": "who?"}, "key": "deep"}
    response = await agents.project.http.post("/v1/subagent/invoke", json=body, headers=headers)
    async with agents.instance.database.transaction() as session:
        for child in lower:
            await session.execute(link, {"parent": None, "id": child})
    return response
