"""`confirm: true` binds the effect: a confirmed skill asks whichever way an agent reaches it."""

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
from tests.integration.agents.conftest import SKILL, Agents, Counter
from tests.integration.agents.sandboxed import models_of, sandboxed
from tests.integration.agents.test_approvals import decide, pending
from tests.integration.agents.test_subagents import OTHER, REPLY, asks, children, hand_in, proven
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
    """`sum` confirms `answer`; `middle` has it as a tool, too, and `act` is a function."""
    parts = {"sum": SKILL + confirms, "middle": OTHER + middle, "answer": OTHER}
    files = {f"skills/{name}/skill.yaml": text.encode() for name, text in parts.items()}
    files |= {f"skills/{name}/prompt.md": f"You are {name}.".encode() for name in parts}
    return {**files, "skills/act/skill.yaml": ACT, "skills/act/main.py": WAITS}


async def pushed(agents: Agents, **over: str) -> None:
    await agents.project.pushed(pack(**over))
    agents.tools_of = lambda assignment: subagent_tools(agents.instance, assignment)


async def called(agents: Agents, name: str) -> list[Any]:
    """Jobs of the skill."""
    return [job for job in (await agents.project.http.get("/v1/jobs")).json() if job["skill_name"] == name]


async def asked_of(agents: Agents, job_id: str) -> tuple[Any, Any]:
    """The one call that the whole tree of a job waits for, and its job; nothing ran `answer` before."""
    async with agents.working(), asyncio.timeout(20):
        while True:
            jobs = (await agents.project.http.get("/v1/jobs")).json()
            stopped = [job for job in jobs if job["status"] == "waiting"]
            if stopped or (await agents.get(job_id))["finished_at"]:
                break
            await asyncio.sleep(0.02)
        assert [job["status"] for job in stopped] == ["waiting"], await agents.get(job_id)
        assert await called(agents, "answer") == []
        (approval,) = await pending(agents, stopped[0]["id"])
        assert (await decide(agents, approval, "approve")).status_code == 200
        done = await agents.ended(job_id)
    assert done["status"] == "succeeded", done
    (answer,) = await called(agents, "answer")
    assert answer["status"] == "succeeded"
    assert (await agents.project.http.get(f"/v1/approvals?job_id={answer['id']}")).json() == []
    assert await proven(agents)
    return approval, stopped[0]


async def test_run_subagent_asks_where_the_skill_is_a_confirmed_tool(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [asks(), hand_in(), hand_in()]
    approval, job = await asked_of(agents, await agents.submit())
    assert (approval["tool"], approval["input"]["target"]) == ("run_subagent", "answer")
    assert job["skill_name"] == "sum"


@pytest.mark.parametrize("target", ["answer", "acme-pack/answer"])
async def test_a_nested_prompt_asks(agents: Agents, target: str) -> None:
    await pushed(agents)
    if "/" in target:
        (pack_slug,) = {one["slug"] for one in (await agents.project.http.get("/v1/skillpacks")).json()}
        target = f"{pack_slug}/answer"
    nested = says(calls("run_subagent", prompt="Ask for me.", inputs={}), **REPLY)
    agents.upstream.script = [nested, asks(target), hand_in(), hand_in(), hand_in()]
    approval, job = await asked_of(agents, await agents.submit())
    assert (approval["tool"], job["skill_name"]) == ("run_subagent", "sum:@inline")


async def test_another_skill_s_tool_asks_though_it_does_not_say_confirm(agents: Agents) -> None:
    await pushed(agents)
    own = says(calls("ask", question="who?"), **REPLY)
    agents.upstream.script = [asks("middle"), own, hand_in(), hand_in(), hand_in()]
    approval, job = await asked_of(agents, await agents.submit())
    assert (approval["tool"], job["skill_name"]) == ("ask", "middle")


async def test_an_older_version_that_does_not_confirm_is_no_way_around(agents: Agents) -> None:
    await pushed(agents, confirms="")
    await pushed(agents)
    older = says(calls("run_subagent", target="answer", inputs={"question": "who?"}, version=2), **REPLY)
    agents.upstream.script = [older, hand_in(), hand_in()]
    approval, _ = await asked_of(agents, await agents.submit())
    assert approval["input"]["version"] == 2
    (answer,) = await called(agents, "answer")
    assert answer["deployment_version"] == 2


async def test_an_older_version_asks_an_agent_of_no_bundle_too(agents: Agents) -> None:
    await pushed(agents, confirms="")
    await pushed(agents)
    older = says(calls("run_subagent", target="answer", inputs={"question": "who?"}, version=2), **REPLY)
    agents.upstream.script = [older, hand_in(), hand_in()]
    body = {"prompt": "Ask.", "model": "claude/haiku-4-5"}
    made = await agents.project.http.post("/v1/jobs", json=body)
    approval, job = await asked_of(agents, made.json()["id"])
    assert (approval["tool"], job["skill_name"]) == ("run_subagent", "@inline")


async def test_an_agent_that_is_called_is_bound_by_what_the_agents_above_it_confirm(agents: Agents) -> None:
    kernel = "tools: [{builtin: python, confirm: true}]\n"
    await pushed(agents, confirms=kernel)
    found = {}

    def tools_of(assignment: AgentAssignment) -> list[Tool]:
        found[assignment.skill_name] = assignment.confirmed
        return subagent_tools(agents.instance, assignment)

    agents.tools_of = tools_of
    agents.upstream.script = [asks("middle"), hand_in(), hand_in(), hand_in()]
    assert (await agents.run())["status"] == "succeeded"
    assert (await agents.run(skill="answer", inputs={"question": "who?"}))["status"] == "succeeded"
    (tool,) = kernel_tools(KERNEL, lambda: (), found["middle"])
    assert tool.confirm
    (tool,) = kernel_tools(KERNEL, lambda: (), found["answer"])
    assert not tool.confirm


async def test_the_prompt_of_a_confirmed_agent_asks_when_it_is_named_as_a_text(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [asks("../answer/prompt.md"), hand_in(), hand_in()]
    job_id = await agents.submit()
    async with agents.working():
        job = await agents.until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])
    assert job["status"] == "waiting"
    assert await children(agents, job_id) == []


async def test_what_is_not_confirmed_does_not_ask(agents: Agents) -> None:
    await pushed(agents, confirms=PLAIN)
    agents.upstream.script = [asks(), hand_in(), hand_in()]
    assert (await agents.run())["status"] == "succeeded"
    assert (await agents.project.http.get("/v1/approvals")).json() == []


async def test_a_denied_call_is_made_in_no_other_way(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [asks(), hand_in()]
    job_id = await agents.submit()
    async with agents.working():
        await agents.until(job_id, lambda job: job["status"] == "waiting")
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "deny", reason="not now")
        assert (await agents.ended(job_id))["status"] == "succeeded"
    assert await called(agents, "answer") == []
    assert "not now" in str(agents.upstream.bodies[1]["messages"][-1])


async def running(agents: Agents, name: str) -> str:
    """The job of the skill, once it runs."""
    async with asyncio.timeout(30):
        while True:
            found = [job["id"] for job in await called(agents, name) if job["status"] == "running"]
            if found:
                return str(found[0])
            await asyncio.sleep(0.05)


async def by_token(agents: Agents, job_id: str, attempt: int = 1) -> httpx.Response:
    """A call of `answer` by the code of a running job."""
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


async def test_a_call_by_the_token_of_an_agent_waits_at_the_start_of_what_it_calls(agents: Agents) -> None:
    await pushed(agents)
    tool = Counter(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look"), **REPLY), hand_in()]
    job_id = await agents.submit()
    async with agents.working():
        async with asyncio.timeout(10):
            await tool.begun.wait()
        answer = (await by_token(agents, job_id)).json()
        job = await agents.until(
            answer["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        assert job["status"] == "waiting", job
        (approval,) = await pending(agents, answer["job_id"])
        assert (approval["tool"], approval["input"]) == ("answer", {"question": "who?"})
        asked = agents.upstream.asked
        await decide(agents, approval, "deny", reason="no")
        denied = await agents.ended(answer["job_id"])
        assert agents.upstream.asked == asked
        assert tool.gate is not None
        tool.gate.set()
        assert (await agents.ended(job_id))["status"] == "succeeded"
    assert (denied["status"], denied["error_code"]) == ("failed", "approval_denied")
    assert "a user rejected it: no" in denied["error"]
    assert await proven(agents)


async def test_a_call_by_the_code_of_an_approved_tool_is_a_part_of_what_was_approved(agents: Agents) -> None:
    await pushed(agents)
    first, gated = Counter("first", is_read_only=False), Counter("send", is_read_only=False, confirm=True)
    first.gate, gated.gate = asyncio.Event(), asyncio.Event()
    agents.tools = [first, gated]
    agents.upstream.script = [says(calls("first"), calls("send"), **REPLY), hand_in(), hand_in()]
    job_id = await agents.submit()
    async with agents.working():
        async with asyncio.timeout(10):
            await first.begun.wait()
        first.gate.set()
        await agents.until(job_id, lambda job: job["status"] == "waiting")
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "approve")
        async with asyncio.timeout(10):
            await gated.begun.wait()
        answer = (await by_token(agents, job_id, attempt=2)).json()
        assert (await agents.ended(answer["job_id"]))["status"] == "succeeded"
        gated.gate.set()
        job = await agents.ended(job_id)
    assert job["status"] == "succeeded", job["error"]


async def test_a_function_that_an_agent_has_called_asks_for_what_it_calls(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [asks("act"), hand_in(), hand_in()]
    job_id = await agents.submit()
    async with sandboxed(agents, models_of(agents), capacity=2):
        answer = (await by_token(agents, await running(agents, "act"))).json()
        waiting = await agents.until(
            answer["job_id"], lambda job: job["status"] == "waiting" or job["finished_at"]
        )
        assert waiting["status"] == "waiting", waiting
        (approval,) = await pending(agents, answer["job_id"])
        await decide(agents, approval, "approve")
        assert (await agents.ended(answer["job_id"]))["status"] == "succeeded"
        await agents.project.http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        assert (await agents.ended(job_id))["status"] == "succeeded"
    assert await proven(agents)


async def test_a_function_that_no_agent_has_called_does_not_ask(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [hand_in()]
    job_id = await agents.submit(skill="act", inputs={})
    async with sandboxed(agents, models_of(agents), capacity=2):
        await agents.until(job_id, lambda job: job["status"] == "running")
        answer = (await by_token(agents, job_id)).json()
        assert (await agents.ended(answer["job_id"]))["status"] == "succeeded"
        await agents.project.http.post("/v1/drive/upload", files={"file": ("go", b"1")}, data={"path": "go"})
        assert (await agents.ended(job_id))["status"] == "succeeded"


@pytest.mark.parametrize("way", ["submit", "replay"])
async def test_an_agent_that_submits_over_mcp_is_asked_about_the_start(agents: Agents, way: str) -> None:
    await pushed(agents)
    http = agents.project.http
    agents.upstream.script = [hand_in(), hand_in()]
    body = {"skill": "answer", "inputs": {"question": "who?"}}
    agent = {"User-Agent": "puras-mcp"}
    first = (await http.post("/v1/jobs", json=body)).json()["id"]
    async with agents.working():
        assert (await agents.ended(first))["status"] == "succeeded"
    if way == "submit":
        made = await http.post("/v1/jobs", json={**body, "source": "mcp"}, headers=agent)
    else:
        made = await http.post(f"/v1/jobs/{first}/replay", headers=agent)
    job_id = made.json()["id"]
    async with agents.working():
        job = await agents.until(job_id, lambda job: job["status"] == "waiting" or job["finished_at"])
        assert job["status"] == "waiting", job
        (approval,) = await pending(agents, job_id)
        await decide(agents, approval, "approve")
        assert (await agents.ended(job_id))["result"] == DONE


async def test_what_an_agent_submits_over_mcp_and_nothing_confirms_starts(agents: Agents) -> None:
    await pushed(agents)
    agents.upstream.script = [hand_in()]
    body = {"skill": "middle", "inputs": {"question": "who?"}, "source": "mcp"}
    made = await agents.project.http.post("/v1/jobs", json=body, headers={"User-Agent": "puras-mcp"})
    async with agents.working():
        assert (await agents.ended(made.json()["id"]))["status"] == "succeeded"
