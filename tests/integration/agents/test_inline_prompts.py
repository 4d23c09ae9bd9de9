"""Jobs from a prompt or a text instead of a skill, in requests and in calls of agents."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from backend.core.clock import now
from backend.money.ledger import audit
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import MODEL, Agents, bundle
from workers.agent.tools.subagents import Callers, DescribeSubagent, RunSubagent

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLY = {"input_tokens": 20, "output_tokens": 2}
NEVER = (now() + timedelta(days=300)).isoformat()
PROMPT = "Count the owls of the list."
TEXTS = {
    **bundle("network: none\ndisable_bash: true\n"),
    "skills/sum/references/check.md": b"---\nname: check\n---\nYou check sums.",
    "skills/shared.md": b"You are shared by all.",
}


async def submit_prompt(
    agents: Agents, *, query: str = "", headers: dict[str, str] | None = None, **over: Any
) -> Any:
    """Return the response to a request that names no skill."""
    body = {"prompt": PROMPT, "inputs": {"owls": ["barn", "snowy"]}, "model": MODEL, **over}
    return await agents.project.http.post(f"/v1/jobs{query}", json=body, headers=headers or {})


async def run_response(agents: Agents, response: Any) -> Any:
    assert response.status_code == 201, response.text
    async with agents.running_worker():
        return await agents.wait_for_end(response.json()["id"])


async def test_prompt_runs_without_deployment_and_returns_any_result(agents: Agents) -> None:
    agents.upstream.script = [says(calls("set_output", count=2, owls=["barn", "snowy"]), **REPLY)]
    job = await run_response(
        agents, await submit_prompt(agents, limits={"cost_usd": 0.1, "steps": 3}, source="cli")
    )
    assert (job["status"], job["result"]) == ("succeeded", {"count": 2, "owls": ["barn", "snowy"]})
    assert (
        job["skill_name"],
        job["type"],
        job["deployment_id"],
        job["deployment_version"],
        job["prompt"],
    ) == (
        "@inline",
        "agentic",
        None,
        None,
        PROMPT,
    )
    received = agents.upstream.bodies[0]
    assert json.dumps(received["system"]).find(PROMPT) > 0
    assert 'owls: [\\"barn\\", \\"snowy\\"]' in json.dumps(received["messages"])
    (start,) = await agents.payloads(job["id"], "agent_start")
    assert (start["limits"]["cap_micros"], start["limits"]["steps"]) == (100_000, 3)
    receipt = (await agents.project.http.get(f"/v1/jobs/{job['id']}/receipt")).json()
    assert receipt["cost_micros"] == job["cost_micros"] == 36
    listed = (await agents.project.http.get("/v1/jobs?skill=@inline&source=cli")).json()
    assert [one["id"] for one in listed] == [job["id"]]


async def test_final_text_reply_is_result_of_prompt(agents: Agents) -> None:
    agents.upstream.script = [says("There are two.", **REPLY)]
    job = await run_response(agents, await submit_prompt(agents, inputs={}))
    assert (job["status"], job["result"]) == ("succeeded", {"value": "There are two."})


async def test_prompt_job_can_be_replayed_forked_continued_and_cancelled(agents: Agents) -> None:
    agents.upstream.script = [says(calls("set_output", n=number), **REPLY) for number in range(4)]
    first = await run_response(agents, await submit_prompt(agents))
    http = agents.project.http
    again = await run_response(agents, await http.post(f"/v1/jobs/{first['id']}/replay"))
    forked = await run_response(agents, await http.post(f"/v1/jobs/{first['id']}/fork", json={"step": 0}))
    more = await http.post(f"/v1/jobs/{first['id']}/continue", json={"inputs": {"owls": ["eagle"]}})
    continued = await run_response(agents, more)
    assert [job["result"]["n"] for job in (first, again, forked, continued)] == [0, 1, 2, 3]
    assert {job["prompt"] for job in (first, again, forked, continued)} == {PROMPT}
    assert [job["source"] for job in (again, forked, continued)] == ["replay", "fork", "continue"]
    assert "eagle" in json.dumps(agents.upstream.bodies[3]["messages"][-1])
    waiting = (await submit_prompt(agents)).json()["id"]
    assert (await http.post(f"/v1/jobs/{waiting}/cancel")).json()["status"] == "cancelled"
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_prompt_with_skillpack_calls_skills_of_active_version(
    agents: Agents,
) -> None:
    agents.tools = [RunSubagent(Callers(agents.instance))]
    inputs = {"topic": "owls"}
    agents.upstream.script = [
        says(calls("run_subagent", target="sum", inputs=inputs), **REPLY),
        says(calls("set_output", summary="Owls.", score=1), **REPLY),
        says(calls("set_output", said="Owls."), **REPLY),
    ]
    job = await run_response(agents, await submit_prompt(agents, query="?skillpack=default"))
    assert (job["status"], job["deployment_version"]) == ("succeeded", 1)
    (child,) = [one for one in (await agents.project.http.get("/v1/jobs")).json() if one["parent_job_id"]]
    assert (child["skill_name"], child["deployment_id"]) == ("sum", job["deployment_id"])
    assert (await submit_prompt(agents, query="?skillpack=nowhere")).status_code == 404
    assert (await submit_prompt(agents, query="?skillpack=default&version=9")).status_code == 404


async def test_request_must_have_either_skill_or_prompt(agents: Agents) -> None:
    http = agents.project.http
    for wrong in ({"inputs": {}}, {"skill": "sum", "prompt": PROMPT}, {"prompt": ""}, {"prompt": "x\0"}):
        response = await http.post("/v1/jobs", json=wrong)
        assert response.status_code == 422, wrong
    assert "exactly one of `skill`" in (await http.post("/v1/jobs", json={})).text
    assert (await http.post("/v1/jobs", json={"skill": "@inline"})).status_code == 404


@asynccontextmanager
async def client_with_key(agents: Agents, **made: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that has only a key of this kind."""
    response = await agents.project.http.post("/v1/api-keys", json={"name": "of an app", **made})
    assert response.status_code == 201, response.text
    headers = {"Authorization": f"Bearer {response.json()['key']}"}
    transport = agents.project.http._transport
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as http:
        yield http


@pytest.mark.parametrize("kind", [{"kind": "publishable"}, {"skill_allowlist": ["sum"]}])
async def test_key_with_skill_list_can_neither_run_nor_replay_prompts(
    agents: Agents, kind: dict[str, Any]
) -> None:
    job = (await submit_prompt(agents, run_at=NEVER)).json()["id"]
    async with client_with_key(agents, **kind) as http:
        rejected = await http.post("/v1/jobs", json={"prompt": PROMPT})
        replayed = await http.post(f"/v1/jobs/{job}/replay")
        named = await http.post("/v1/jobs", json={"skill": "sum", "inputs": {"topic": "owls"}})
    assert (rejected.status_code, rejected.json()["code"]) == (403, "prompt_not_on_key")
    assert replayed.status_code in (403, 404)
    assert named.status_code == 201
    cancelled = await agents.project.http.post(f"/v1/jobs/{named.json()['id']}/cancel")
    assert cancelled.is_success, "the job must not run on the worker of another test"


async def test_called_text_and_prompt_are_limited_to_permissions_of_caller(agents: Agents) -> None:
    await agents.project.pushed(TEXTS)
    callers = Callers(agents.instance)
    agents.tools = [RunSubagent(callers), DescribeSubagent(callers)]
    agents.upstream.script = [
        says(calls("describe_subagent", target="references/check.md"), **REPLY),
        says(calls("run_subagent", target="references/check.md", inputs={"n": 1}), **REPLY),
        says(calls("set_output", fine=True), **REPLY),
        says(calls("run_subagent", target="../shared.md"), **REPLY),
        says("Shared.", **REPLY),
        says(calls("run_subagent", prompt="Be short.", inputs={"n": 2}), **REPLY),
        says("Short.", **REPLY),
        says(calls("set_output", summary="Done.", score=1), **REPLY),
    ]
    job = await agents.run()
    assert job["status"] == "succeeded", job
    jobs = (await agents.project.http.get("/v1/jobs")).json()
    children = {one["skill_name"]: one for one in jobs if one["parent_job_id"]}
    assert {name: one["result"] for name, one in children.items()} == {
        "sum:references/check.md": {"fine": True},
        "sum:../shared.md": {"value": "Shared."},
        "sum:@inline": {"value": "Short."},
    }
    systems = [json.dumps(body["system"]) for body in agents.upstream.bodies]
    assert "You check sums." in systems[2]
    assert "name: check" not in systems[2]
    assert "You are shared by all." in systems[4]
    assert "Be short." in systems[6]
    described = agents.upstream.bodies[1]["messages"][-1]["content"][0]["content"]
    assert "You check sums." in json.dumps(described)


@pytest.mark.parametrize(
    "call",
    [
        {},
        {"target": "sum", "prompt": "Both."},
        {"target": "../../../etc/passwd.md"},
        {"target": "/etc/passwd.md"},
        {"target": "references/none.md"},
        {"target": "references/check.md", "version": 1},
    ],
)
async def test_invalid_subagent_call_returns_error_without_job(agents: Agents, call: dict[str, Any]) -> None:
    await agents.project.pushed(TEXTS)
    agents.tools = [RunSubagent(Callers(agents.instance))]
    done = says(calls("set_output", summary="Done.", score=1), **REPLY)
    agents.upstream.script = [says(calls("run_subagent", **call), **REPLY), done]
    assert (await agents.run())["status"] == "succeeded"
    (received,) = [json.dumps(block) for block in agents.upstream.bodies[1]["messages"][-1]["content"]]
    assert "ERROR" in received
    assert not [one for one in (await agents.project.http.get("/v1/jobs")).json() if one["parent_job_id"]]
