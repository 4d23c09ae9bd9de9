"""Which tools a run is offered by a worker as it is in earnest, and what becomes of calls of others."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import SKILL, Agents, bundle
from tests.integration.agents.sandboxed import models_for, sandboxed_worker

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
    """Run the skill with more in its skill.yaml, in the sandbox."""
    await push(agents, more)
    job_id = await agents.submit()
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(job_id)
    assert job["status"] == "succeeded", job
    return job


async def push(agents: Agents, more: str) -> Any:
    other = {"skills/answer/skill.yaml": SKILL.encode(), "skills/answer/prompt.md": b"You answer."}
    return await agents.project.pushed({**bundle(more), **other, "skills/sum/tools.py": FUNCTION})


def offered(agents: Agents) -> dict[str, Any]:
    """What the model was told of each tool."""
    return {tool["name"]: tool["input_schema"]["properties"] for tool in agents.upstream.bodies[0]["tools"]}


async def has_made(agents: Agents) -> bool:
    return (await agents.project.http.get("/v1/drive/files/made")).status_code == 200


async def test_a_skill_without_commands_is_offered_none_and_runs_none(agents: Agents) -> None:
    agents.upstream.script = [says(calls("bash", command=MAKES)), submit_result()]
    job = await run(agents, "disable_bash: true\n")
    assert "bash" not in offered(agents)
    assert {"file_read", "file_write", "web_fetch"} <= offered(agents).keys()
    (received,) = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert (received["is_error"], "there is no tool 'bash'" in received["content"]) == (True, True)
    assert not await has_made(agents)
    (start,) = await agents.payloads(job["id"], "agent_start")
    assert start["bash_enabled"] is False


async def test_with_a_list_of_tools_no_other_is_offered_or_called_and_the_result_always_is(
    agents: Agents,
) -> None:
    agents.upstream.script = [
        says(calls("bash", command=MAKES), calls("file_write", path="drive/made", content="x")),
        submit_result(),
    ]
    await run(agents, "allowed_tools: [file_read]\ntool_limits: {set_output: 1}\n")
    assert offered(agents).keys() == {"file_read", "set_output"}
    received = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert [one["is_error"] for one in received] == [True, True]
    assert not await has_made(agents)


async def test_a_limit_counts_real_calls_and_the_model_is_told_which_one_is_used_up(agents: Agents) -> None:
    appends = [calls("bash", command="echo x >> drive/made") for _ in range(3)]
    agents.upstream.script = [says(*appends[:1]), says(*appends[1:]), submit_result()]
    await run(agents, "tool_limits: {bash: 2}\n")
    first, second = agents.upstream.bodies[2]["messages"][-1]["content"]
    assert (first.get("is_error", False), second["is_error"]) == (False, True)
    assert "bash has reached its maximum of 2 calls in a run" in second["content"]
    assert (await agents.project.http.get("/v1/drive/files/made")).text == "x\nx\n"


async def test_a_built_in_tool_wins_over_one_of_the_skill_with_its_name_as_the_push_warns(
    agents: Agents,
) -> None:
    agents.upstream.script = [says(calls("bash", command=MAKES)), submit_result()]
    await run(agents, CLASHING)
    of_bash, of_the_web = offered(agents)["bash"], offered(agents)["web_fetch"]
    assert (of_bash.keys(), "url" in of_the_web) == ({"command", "timeout", "_label"}, True)
    assert await has_made(agents)
    warned = [one["message"] for one in (await push(agents, CLASHING))["warnings"]]
    assert sum("which has priority" in one for one in warned) == 2, warned
