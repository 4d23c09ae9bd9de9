"""A complete job with the tool `python`: its kernel is lost during an approval, and the model is notified of that."""

from __future__ import annotations

import json

import pytest

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.agents.test_complete_skill import approve

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANALYST = {
    "skills/analyst/skill.yaml": b"""
entrypoint: prompt.md
model: claude/haiku-4-5
disable_bash: true
network: none
limits: {cost_usd: 1}
input_schema: {type: object, properties: {}}
output_schema: {type: object, properties: {total: {type: integer}}}
tools:
  - builtin: python
  - name: publish
    description: Shows it to everybody.
    entrypoint: tools.py:publish
    confirm: true
    input_schema: {type: object, properties: {}}
    output_schema: {type: object, properties: {done: {type: boolean}}}
""",
    "skills/analyst/prompt.md": b"Add it up.",
    "skills/analyst/tools.py": b"def publish():\n    return {'done': True}\n",
}


async def test_lost_kernel_is_restarted_and_its_cells_are_executed_again(agents: Agents) -> None:
    await agents.project.pushed(ANALYST)
    agents.upstream.script = [
        says(calls("python", code="total = 41\nopen('drive/kept.txt', 'w').write('41')")),
        says(calls("python", code="total + 1")),
        says(calls("publish")),
        says(calls("python", code="'total' in dir(), open('drive/kept.txt').read()")),
        says(calls("set_output", total=42)),
    ]
    job_id = await agents.submit(skill="analyst", inputs={})
    async with sandboxed_worker(agents, models_for(agents)):
        waiting = await agents.wait_until(
            job_id, lambda job: job["status"] == "waiting" or job["finished_at"]
        )
    assert waiting["status"] == "waiting", waiting["error"]
    await approve(agents, job_id)
    async with sandboxed_worker(agents, models_for(agents)):
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["result"]) == ("succeeded", {"total": 42}), job["error"]
    tool_results = [
        json.dumps(block["content"])
        for body in agents.upstream.bodies[-1:]
        for message in body["messages"]
        for block in message["content"]
        if isinstance(block, dict) and block.get("type") == "tool_result"
    ]
    assert "42" in tool_results[1]
    assert "The kernel was replaced" not in tool_results[0] + tool_results[1]
    assert "The kernel was replaced" in tool_results[3]
    assert "total = 41" in tool_results[3]
    assert "(False, '41')" in tool_results[3]
    offered = {tool["name"] for tool in agents.upstream.bodies[0]["tools"]}
    assert {"python", "publish"} <= offered
    assert "bash" not in offered
