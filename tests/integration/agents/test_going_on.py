"""New jobs that begin where others were: nothing that is in their journals is bought or done again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, Counter

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETTER = {"summary": "Owls fly in the dark.", "score": 5}


def hand_in(result: dict[str, Any] = DONE) -> Says:
    return says(calls("set_output", **result), input_tokens=20, output_tokens=2)


async def gone_on(agents: Agents, job_id: str, way: str, **body: Any) -> Any:
    answer = await agents.project.http.post(f"/v1/jobs/{job_id}/{way}", json=body)
    assert answer.status_code == 201, answer.text
    async with agents.working():
        return await agents.ended(answer.json()["id"])


async def test_a_fork_keeps_what_was_done_up_to_a_step_with_other_results_and_pays_only_what_is_new(
    agents: Agents,
) -> None:
    tool = Counter(is_read_only=False)
    agents.tools = [tool]
    agents.upstream.script = [
        says(calls("look", at="a tree", tool_use_id="toolu_1")),
        says(calls("look", at="a barn")),
        hand_in(),
        hand_in(BETTER),
    ]
    job = await agents.run()
    edit = {"tool_use_id": "toolu_1", "content": "an owl!"}
    forked = await gone_on(agents, job["id"], "fork", step=1, edits=[edit])
    assert (forked["status"], forked["result"]) == ("succeeded", BETTER)
    assert (forked["source"], forked["replay_of"], forked["steps"]) == ("fork", job["id"], 2)
    assert (forked["cost_micros"], len(tool.calls), agents.upstream.asked) == (36, 2, 4)
    told = agents.upstream.bodies[3]["messages"]
    assert told[0] == agents.upstream.bodies[0]["messages"][0] | {"content": told[0]["content"]}
    assert "an owl!" in str(told[2]["content"][0])
    for body in ({"step": 9}, {"step": 1, "edits": [{**edit, "tool_use_id": "toolu_9"}]}):
        refused = await agents.project.http.post(f"/v1/jobs/{job['id']}/fork", json=body)
        assert refused.status_code == 422


async def test_an_ended_job_goes_on_with_its_conversation_and_new_inputs(agents: Agents) -> None:
    agents.tools = [Counter()]
    agents.upstream.script = [says(calls("look", at="a tree")), hand_in(), hand_in(BETTER)]
    job = await agents.run()
    more = await gone_on(agents, job["id"], "continue", inputs={"topic": "owls at night"})
    assert (more["status"], more["result"], more["steps"]) == ("succeeded", BETTER, 1)
    assert more["inputs"] == {"topic": "owls at night"}
    told = agents.upstream.bodies[2]["messages"]
    assert [message["role"] for message in told] == ["user", "assistant", "user", "assistant", "user"]
    assert told[-1]["content"][0]["type"] == "tool_result"
    assert "owls at night" in told[-1]["content"][1]["text"]
    wrong = await agents.project.http.post(f"/v1/jobs/{job['id']}/continue", json={"inputs": {}})
    assert wrong.status_code == 422


async def test_what_has_not_ended_cannot_be_continued(agents: Agents) -> None:
    job_id = await agents.submit()
    for way, body in (("continue", {"inputs": {"topic": "x"}}), ("fork", {"step": 0})):
        answer = await agents.project.http.post(f"/v1/jobs/{job_id}/{way}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_go_on_from")
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
