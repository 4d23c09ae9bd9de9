"""`confirm: true` applies to the effect: a confirmed skill needs an approval on every path of an agent."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from backend.core.clock import now
from backend.identity.auth import job_tokens
from backend.identity.auth.credentials import JOB_TOKEN_HEADER
from backend.skills.manifest.types import Skill
from backend.skills.manifest.types import Tool as Declared
from tests.doubles.messages import calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import SKILL, Agents, CountingTool
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.agents.test_subagents import (
    OTHER,
    REPLY,
    calls_subagent,
    children,
    is_ledger_consistent,
    submit_result,
)
from workers.agent.assignment import AgentAssignment
from workers.agent.tools.python_kernel import kernel_tools
from workers.agent.tools.subagents import subagent_tools
from workers.agent.types import Tool

pytestmark = pytest.mark.asyncio(loop_scope="module")

KERNEL = Skill(
    name="it",
    path="",
    entrypoint="p.md",
    is_agentic=True,
    input_schema={},
    output_schema={},
    tools=(Declared(builtin="python"),),
)
CONFIRMS = "tools: [{name: ask, skill: answer, description: Asks., confirm: true}]\n"
PLAIN = "tools: [{name: ask, skill: answer, description: Asks.}]\n"
ACT = b"""
entrypoint: main.py:run
network: none
timeout_s: 60
limits: {cost_usd: 0.5}
input_schema: {type: object, properties: {question: {type: string}}}
output_schema: {type: object, properties: {}}
"""
WAITS = b"""
import os, time

def run(question=""):
    while not os.path.exists("drive/go"):
        time.sleep(0.05)
    return {}
"""


def pack(confirms: str = CONFIRMS, middle: str = PLAIN) -> dict[str, bytes]:
    """Return files in which `sum` confirms `answer`, `middle` uses it unconfirmed, and `act` is a function."""
    parts = {"sum": SKILL + confirms, "middle": OTHER + middle, "answer": OTHER}
    files = {f"skills/{name}/skill.yaml": text.encode() for name, text in parts.items()}
    files |= {f"skills/{name}/prompt.md": f"You are {name}.".encode() for name in parts}
    return {**files, "skills/act/skill.yaml": ACT, "skills/act/main.py": WAITS}


async def deploy_pack(agents: Agents, **over: str) -> None:
    await agents.project.pushed(pack(**over))
    agents.tools_of = lambda assignment: subagent_tools(agents.instance, assignment)


async def jobs_of_skill(agents: Agents, name: str) -> list[Any]:
    """Return the jobs of the skill."""
    return [job for job in (await agents.project.http.get("/v1/jobs")).json() if job["skill_name"] == name]


async def pending_approval(agents: Agents, job_id: str) -> tuple[Any, Any]:
    """Return the only approval that the job tree waits for, and its job; check that `answer` has not run."""
    async with agents.running_worker(), asyncio.timeout(20):
        while True:
            jobs = (await agents.project.http.get("/v1/jobs")).json()
            stopped = [job for job in jobs if job["status"] == "waiting"]
            if stopped or (await agents.get(job_id))["finished_at"]:
                break
            await asyncio.sleep(0.02)
        assert [job["status"] for job in stopped] == ["waiting"], await agents.get(job_id)
        assert await jobs_of_skill(agents, "answer") == []
        (approval,) = await pending(agents, stopped[0]["id"])
        assert (await decide(agents, approval, "approve")).status_code == 200
        done = await agents.wait_for_end(job_id)
    assert done["status"] == "succeeded", done
    (response,) = await jobs_of_skill(agents, "answer")
    assert response["status"] == "succeeded"
    assert (await agents.project.http.get(f"/v1/approvals?job_id={response['id']}")).json() == []
    assert await is_ledger_consistent(agents)
    return approval, stopped[0]


async def test_run_subagent_needs_approval_for_confirmed_skill(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [calls_subagent(), submit_result(), submit_result()]
    approval, job = await pending_approval(agents, await agents.submit())
    assert (approval["tool"], approval["input"]["target"]) == ("run_subagent", "answer")
    assert job["skill_name"] == "sum"


@pytest.mark.parametrize("target", ["answer", "acme-pack/answer"])
async def test_nested_prompt_needs_approval(agents: Agents, target: str) -> None:
    await deploy_pack(agents)
    if "/" in target:
        (pack_slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
        target = f"{pack_slug}/answer"
    nested = says(calls("run_subagent", prompt="Ask for me.", inputs={}), **REPLY)
    agents.upstream.script = [
        nested,
        calls_subagent(target),
        submit_result(),
        submit_result(),
        submit_result(),
    ]
    approval, job = await pending_approval(agents, await agents.submit())
    assert (approval["tool"], job["skill_name"]) == ("run_subagent", "sum:@inline")


async def test_unconfirmed_tool_of_another_skill_needs_approval(agents: Agents) -> None:
    await deploy_pack(agents)
    own = says(calls("ask", question="who?"), **REPLY)
    agents.upstream.script = [
        calls_subagent("middle"),
        own,
        submit_result(),
        submit_result(),
        submit_result(),
    ]
    approval, job = await pending_approval(agents, await agents.submit())
    assert (approval["tool"], job["skill_name"]) == ("ask", "middle")


async def test_older_unconfirmed_version_needs_approval(agents: Agents) -> None:
    await deploy_pack(agents, confirms="")
    await deploy_pack(agents)
    older = says(calls("run_subagent", target="answer", inputs={"question": "who?"}, version=2), **REPLY)
    agents.upstream.script = [older, submit_result(), submit_result()]
    approval, _ = await pending_approval(agents, await agents.submit())
    assert approval["input"]["version"] == 2
    (response,) = await jobs_of_skill(agents, "answer")
    assert response["deployment_version"] == 2


async def test_older_version_needs_approval_for_inline_agent(agents: Agents) -> None:
    await deploy_pack(agents, confirms="")
    await deploy_pack(agents)
    older = says(calls("run_subagent", target="answer", inputs={"question": "who?"}, version=2), **REPLY)
    agents.upstream.script = [older, submit_result(), submit_result()]
    body = {"prompt": "Ask.", "model": "claude/haiku-4-5"}
    submission = await agents.project.http.post("/v1/jobs", json=body)
    approval, job = await pending_approval(agents, submission.json()["id"])
    assert (approval["tool"], job["skill_name"]) == ("run_subagent", "@inline")


async def test_called_agent_inherits_confirmations_of_its_callers(agents: Agents) -> None:
    kernel = "tools: [{builtin: python, confirm: true}]\n"
    await deploy_pack(agents, confirms=kernel)
    found = {}

    def tools_of(assignment: AgentAssignment) -> list[Tool]:
        found[assignment.skill_name] = assignment.confirmed
        return subagent_tools(agents.instance, assignment)

    agents.tools_of = tools_of
    agents.upstream.script = [calls_subagent("middle"), submit_result(), submit_result(), submit_result()]
    assert (await agents.run())["status"] == "succeeded"
    assert (await agents.run(skill="answer", inputs={"question": "who?"}))["status"] == "succeeded"
    (tool,) = kernel_tools(KERNEL, lambda: (), found["middle"])
    assert tool.confirm
    (tool,) = kernel_tools(KERNEL, lambda: (), found["answer"])
    assert not tool.confirm


async def test_prompt_file_of_confirmed_agent_needs_approval(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [calls_subagent("../answer/prompt.md"), submit_result(), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker():
        job = await agents.wait_until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])
    assert job["status"] == "waiting"
    assert await children(agents, job_id) == []


async def test_unconfirmed_call_needs_no_approval(agents: Agents) -> None:
    await deploy_pack(agents, confirms=PLAIN)
    agents.upstream.script = [calls_subagent(), submit_result(), submit_result()]
    assert (await agents.run())["status"] == "succeeded"
    assert (await agents.project.http.get("/v1/approvals")).json() == []


async def test_denied_call_is_made_on_no_other_path(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [calls_subagent(), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker():
        await agents.wait_until(job_id, lambda job: job["status"] == "waiting")
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "deny", reason="not now")
        assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    assert await jobs_of_skill(agents, "answer") == []
    assert "not now" in str(agents.upstream.bodies[1]["messages"][-1])


async def running(agents: Agents, name: str) -> str:
    """Return the ID of the job of the skill when it runs."""
    async with asyncio.timeout(30):
        while True:
            found = [job["id"] for job in await jobs_of_skill(agents, name) if job["status"] == "running"]
            if found:
                return str(found[0])
            await asyncio.sleep(0.05)


async def call_with_job_token(agents: Agents, job_id: str, attempt: int = 1) -> httpx.Response:
    """Call `answer` as the code of a running job does."""
    token = job_tokens.mint(
        agents.instance.vault,
        project_id=agents.project.id,
        job_id=UUID(job_id),
        attempt=attempt,
        expires_at=now().replace(year=now().year + 1),
    )
    body = {"target": "answer", "inputs": {"question": "who?"}, "key": "one", "timeout": 0}
    headers = {JOB_TOKEN_HEADER: token}
    return await agents.project.http.post("/v1/subagent/invoke", json=body, headers=headers)


async def test_call_with_agent_token_waits_for_approval_at_start(agents: Agents) -> None:
    await deploy_pack(agents)
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look"), **REPLY), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker():
        async with asyncio.timeout(10):
            await tool.started.wait()
        response = (await call_with_job_token(agents, job_id)).json()
        job = await agents.wait_until(
            response["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        assert job["status"] == "waiting", job
        (approval,) = await pending(agents, response["job_id"])
        assert (approval["tool"], approval["input"]) == ("answer", {"question": "who?"})
        asked = agents.upstream.asked
        await decide(agents, approval, "deny", reason="no")
        denied = await agents.wait_for_end(response["job_id"])
        assert agents.upstream.asked == asked
        assert tool.gate is not None
        tool.gate.set()
        assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    assert (denied["status"], denied["error_code"]) == ("failed", "approval_denied")
    assert "a user rejected it: no" in denied["error"]
    assert await is_ledger_consistent(agents)


async def test_approval_of_tool_covers_the_calls_of_its_code(agents: Agents) -> None:
    await deploy_pack(agents)
    first, gated = (
        CountingTool("first", is_read_only=False),
        CountingTool("send", is_read_only=False, confirm=True),
    )
    first.gate, gated.gate = asyncio.Event(), asyncio.Event()
    agents.tools = [first, gated]
    agents.upstream.script = [says(calls("first"), calls("send"), **REPLY), submit_result(), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker():
        async with asyncio.timeout(10):
            await first.started.wait()
        first.gate.set()
        await agents.wait_until(job_id, lambda job: job["status"] == "waiting")
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "approve")
        async with asyncio.timeout(10):
            await gated.started.wait()
        response = (await call_with_job_token(agents, job_id, attempt=2)).json()
        assert (await agents.wait_for_end(response["job_id"]))["status"] == "succeeded"
        gated.gate.set()
        job = await agents.wait_for_end(job_id)
    assert job["status"] == "succeeded", job["error"]


async def test_function_called_by_agent_needs_approval_for_its_calls(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [calls_subagent("act"), submit_result(), submit_result()]
    job_id = await agents.submit()
    async with sandboxed_worker(agents, models_for(agents), capacity=2):
        response = (await call_with_job_token(agents, await running(agents, "act"))).json()
        waiting = await agents.wait_until(
            response["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        assert waiting["status"] == "waiting", waiting
        (approval,) = await pending(agents, response["job_id"])
        await decide(agents, approval, "approve")
        assert (await agents.wait_for_end(response["job_id"]))["status"] == "succeeded"
        await agents.project.http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        assert (await agents.wait_for_end(job_id))["status"] == "succeeded"
    assert await is_ledger_consistent(agents)


async def test_function_without_calling_agent_needs_no_approval(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [submit_result()]
    job_id = await agents.submit(skill="act", inputs={})
    async with sandboxed_worker(agents, models_for(agents), capacity=2):
        await agents.wait_until(job_id, lambda job: job["status"] == "running")
        response = (await call_with_job_token(agents, job_id)).json()
        assert (await agents.wait_for_end(response["job_id"]))["status"] == "succeeded"
        await agents.project.http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        assert (await agents.wait_for_end(job_id))["status"] == "succeeded"


@pytest.mark.parametrize("path", ["submit", "replay"])
async def test_start_over_mcp_needs_approval(agents: Agents, path: str) -> None:
    await deploy_pack(agents)
    http = agents.project.http
    agents.upstream.script = [submit_result(), submit_result()]
    body = {"skill": "answer", "inputs": {"question": "who?"}}
    agent = {"User-Agent": "puras-mcp"}
    first = (await http.post("/v1/jobs", json=body)).json()["id"]
    async with agents.running_worker():
        assert (await agents.wait_for_end(first))["status"] == "succeeded"
    if path == "submit":
        submission = await http.post("/v1/jobs", json={**body, "source": "mcp"}, headers=agent)
    else:
        submission = await http.post(f"/v1/jobs/{first}/replay", headers=agent)
    job_id = submission.json()["id"]
    async with agents.running_worker():
        job = await agents.wait_until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])
        assert job["status"] == "waiting", job
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "approve")
        assert (await agents.wait_for_end(job_id))["result"] == DONE


async def test_unconfirmed_start_over_mcp_needs_no_approval(agents: Agents) -> None:
    await deploy_pack(agents)
    agents.upstream.script = [submit_result()]
    body = {"skill": "middle", "inputs": {"question": "who?"}, "source": "mcp"}
    submission = await agents.project.http.post("/v1/jobs", json=body, headers={"User-Agent": "puras-mcp"})
    async with agents.running_worker():
        assert (await agents.wait_for_end(submission.json()["id"]))["status"] == "succeeded"
