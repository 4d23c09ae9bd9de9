"""The tools that a complete worker offers to a run, and the results of calls of other tools."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backend.usage.prompt_size import BUILT_IN_BYTES, BYTES_PER_TOKEN
from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import SKILL, Agents, bundle
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAKES = "touch drive/made"
CLASHING = """
tools:
  - {name: bash, skill: answer, description: Not the shell.}
  - name: web_fetch
    description: Not the web.
    entrypoint: tools.py:fetch
    input_schema: {type: object, properties: {owl: {type: string}}}
    output_schema: {type: object}
"""
FUNCTION = b"def fetch(owl=''):\n    return {}\n"


def submit_result() -> Says:
    return says(calls("set_output", **DONE))


async def run(agents: Agents, more: str) -> Any:
    """Run the skill with more lines in its skill.yaml, in the sandbox."""
    await push(agents, more)
    job_id = await agents.submit()
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(job_id)
    assert job["status"] == "succeeded", job
    return job


async def push(agents: Agents, more: str) -> Any:
    other = {"skills/answer/skill.yaml": SKILL.encode(), "skills/answer/prompt.md": b"You answer."}
    return await agents.project.pushed({**bundle(more), **other, "skills/sum/tools.py": FUNCTION})


def offered_tools(agents: Agents) -> dict[str, Any]:
    """Return the definition of each tool that the model received."""
    return {tool["name"]: tool["input_schema"]["properties"] for tool in agents.upstream.bodies[0]["tools"]}


async def file_was_created(agents: Agents) -> bool:
    return (await agents.project.http.get("/v1/drive/files/made")).status_code == 200


async def test_skill_without_commands_has_no_bash_tool(agents: Agents) -> None:
    agents.upstream.script = [says(calls("bash", command=MAKES)), submit_result()]
    job = await run(agents, "disable_bash: true\n")
    assert "bash" not in offered_tools(agents)
    assert {"file_read", "file_write", "web_fetch"} <= offered_tools(agents).keys()
    (received,) = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert (received["is_error"], "there is no tool 'bash'" in received["content"]) == (True, True)
    assert not await file_was_created(agents)
    (start,) = await agents.payloads(job["id"], "agent_start")
    assert start["bash_enabled"] is False


async def test_allowed_tools_excludes_all_others_except_set_output(
    agents: Agents,
) -> None:
    agents.upstream.script = [
        says(calls("bash", command=MAKES), calls("file_write", path="drive/made", content="x")),
        submit_result(),
    ]
    await run(agents, "allowed_tools: [file_read]\ntool_limits: {set_output: 1}\n")
    assert offered_tools(agents).keys() == {"file_read", "set_output"}
    received = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert [one["is_error"] for one in received] == [True, True]
    assert not await file_was_created(agents)


async def test_estimate_of_the_prompt_is_close_to_the_prompt_of_a_run(agents: Agents) -> None:
    agents.upstream.script = [submit_result()]
    job = await run(agents, CLASHING)
    estimated = await agents.project.http.get("/v1/cost-estimates/sum")
    assert estimated.json()["basis"] == "jobs", estimated.text
    assert estimated.json()["expected_micros"] == job["cost_micros"]
    assert estimated.json()["explanation"] == "From 1 job."
    body = agents.upstream.bodies[0]
    sent = sum(len(json.dumps(body[key])) for key in ("system", "messages", "tools"))
    assert estimated.json()["prompt_tokens"] * BYTES_PER_TOKEN == pytest.approx(sent, rel=0.15)
    tools = {one["name"]: len(json.dumps(one)) for one in body["tools"]}
    assert {name: tools.get(name) for name in BUILT_IN_BYTES if name in tools} == {
        name: pytest.approx(size, rel=0.15) for name, size in BUILT_IN_BYTES.items() if name in tools
    }


async def test_estimate_without_jobs_names_its_basis(agents: Agents) -> None:
    await push(agents, "")
    http = agents.project.http
    estimated = (await http.get("/v1/cost-estimates/answer")).json()
    assert (estimated["basis"], estimated["jobs"], estimated["p95_micros"]) == ("prompt", 0, None)
    assert "one reply of 500 tokens" in estimated["explanation"]
    assert 0 < estimated["expected_micros"] < estimated["max_micros"]
    await http.get("/v1/drafts")
    prompt = "/v1/drafts/files/skills/answer/prompt.md"
    await http.put(prompt, content=b"You answer at length. " * 1_000, headers={"If-Match": "*"})
    longer = (await http.get("/v1/drafts/cost-estimate?skill=answer")).json()
    assert longer["prompt_tokens"] - estimated["prompt_tokens"] == pytest.approx(5_500, abs=50)
    assert longer["expected_micros"] > estimated["expected_micros"]
    assert (await http.get("/v1/drafts/cost-estimate?skill=none")).status_code == 404


async def test_tool_limit_counts_calls_and_reports_the_exhausted_tool(agents: Agents) -> None:
    appends = [calls("bash", command="echo x >> drive/made") for _ in range(3)]
    agents.upstream.script = [says(*appends[:1]), says(*appends[1:]), submit_result()]
    await run(agents, "tool_limits: {bash: 2}\n")
    first, second = agents.upstream.bodies[2]["messages"][-1]["content"]
    assert (first.get("is_error", False), second["is_error"]) == (False, True)
    assert "bash has reached its maximum of 2 calls in a run" in second["content"]
    assert (await agents.project.http.get("/v1/drive/files/made")).text == "x\nx\n"


async def test_built_in_tool_replaces_skill_tool_of_same_name_with_warning(
    agents: Agents,
) -> None:
    agents.upstream.script = [says(calls("bash", command=MAKES)), submit_result()]
    await run(agents, CLASHING)
    bash_tool, fetch_tool = offered_tools(agents)["bash"], offered_tools(agents)["web_fetch"]
    assert (bash_tool.keys(), "url" in fetch_tool) == ({"command", "timeout", "_label"}, True)
    assert await file_was_created(agents)
    warnings = [one["message"] for one in (await push(agents, CLASHING))["warnings"]]
    assert sum("which has priority" in one for one in warnings) == 2, warnings
