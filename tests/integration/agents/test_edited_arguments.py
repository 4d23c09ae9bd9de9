"""Arguments that a reviewer changes: the call is made with them once, and the agent and the trace know about it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from backend.core.errors import NotAllowed
from backend.execution.approvals import service as approvals
from backend.identity.auth.principal import Principal, Role
from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.factories.worker import lose
from tests.integration.agents.conftest import Agents, CountingTool, Served
from tests.integration.agents.test_approvals import decide, finish_job, pending, submit_until_waiting
from tests.integration.deployments.conftest import Projects

pytestmark = pytest.mark.asyncio(loop_scope="module")


def submit_result() -> Says:
    return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)


async def waiting_call(agents: Agents, tool: CountingTool) -> tuple[str, Any]:
    """Return a job that waits for the approval of a call, and the approval."""
    agents.tools = [tool]
    agents.upstream.script = [says(calls("send", at="a barn")), submit_result(), submit_result()]
    job_id = await submit_until_waiting(agents)
    (approval,) = await pending(agents, job_id)
    return job_id, approval


async def test_call_is_made_with_changed_arguments_and_agent_is_notified(agents: Agents) -> None:
    tool = CountingTool("send", is_read_only=False, confirm=True)
    job_id, approval = await waiting_call(agents, tool)
    assert (approval["skill"], approval["environment"], approval["job_type"]) == (
        "sum",
        "production",
        "agentic",
    )
    assert approval["input_schema"]["properties"] == {"at": {"type": "string"}}
    response = await decide(agents, approval, "approve", arguments={"at": "a tower"})
    assert (response.status_code, response.json()["arguments"]) == (200, {"at": "a tower"}), response.text
    assert response.json()["input"] == {"at": "a barn"}
    job = await finish_job(agents, job_id)
    assert (job["status"], [call.input for call in tool.calls]) == ("succeeded", [{"at": "a tower"}])
    received = agents.upstream.bodies[1]["messages"][-1]["content"][0]
    assert "a user changed the arguments" in str(received["content"])
    assert '{"at": "a tower"}' in str(received["content"])
    assert "seen: a tower" in str(received["content"])
    requested, _ = await agents.payloads(job_id, "tool_use")
    (decided,) = await agents.payloads(job_id, "approval_decided")
    assert requested["input"] == decided["input"] == {"at": "a barn"}
    assert (decided["arguments"], decided["changed"]) == ({"at": "a tower"}, ["at"])
    result, _ = await agents.payloads(job_id, "tool_result")
    assert result["edited_arguments"] == {"at": "a tower"}
    entries = (await agents.project.http.get("/v1/audit?action=approval.approved")).json()
    (entry,) = [one for one in entries if one["target"] == f"approval:{approval['id']}"]
    assert (entry["facts"]["input"], entry["facts"]["arguments"]) == ({"at": "a barn"}, {"at": "a tower"})
    body = {"step": 1}
    forked = (await agents.project.http.post(f"/v1/jobs/{job_id}/fork", json=body)).json()
    assert (await finish_job(agents, forked["id"]))["status"] == "succeeded"
    kept = agents.upstream.bodies[2]["messages"][-1]["content"][0]
    assert kept == received
    assert len(tool.calls) == 1


async def test_invalid_arguments_leave_approval_pending(agents: Agents) -> None:
    tool = CountingTool("send", is_read_only=False, confirm=True)
    job_id, approval = await waiting_call(agents, tool)
    for arguments, path in (({"at": 7}, "arguments.at"), ({"to": "a tower"}, "arguments.to")):
        response = await decide(agents, approval, "approve", arguments=arguments)
        assert response.status_code == 422, response.text
        assert [one["path"] for one in response.json()["errors"]] == [path]
        assert "still pending" in response.json()["detail"]
    (still,) = await pending(agents, job_id)
    assert (still["status"], still["arguments"]) == ("pending", None)
    response = await decide(agents, approval, "approve", arguments={"at": "a barn"})
    assert response.json()["arguments"] is None  # nothing has changed
    await finish_job(agents, job_id)
    assert [call.input for call in tool.calls] == [{"at": "a barn"}]
    (decided,) = await agents.payloads(job_id, "approval_decided")
    assert "changed" not in decided


async def test_first_of_two_approvers_decides(agents: Agents) -> None:
    tool = CountingTool("send", is_read_only=False, confirm=True)
    job_id, approval = await waiting_call(agents, tool)
    ends = await asyncio.gather(
        *(decide(agents, approval, "approve", arguments={"at": at}) for at in ("a tower", "a mill"))
    )
    assert sorted(one.status_code for one in ends) == [200, 409]
    (won,) = [one.json()["arguments"] for one in ends if one.status_code == 200]
    await finish_job(agents, job_id)
    assert [call.input for call in tool.calls] == [won]


async def test_only_reviewers_change_arguments_and_only_of_their_project(
    agents: Agents, served: Served
) -> None:
    tool = CountingTool("send", is_read_only=False, confirm=True)
    job_id, approval = await waiting_call(agents, tool)
    projects = Projects(served.app, served.instance.database, [])
    foreign = await projects.make("Foreign")
    path = f"/v1/approvals/{approval['id']}"
    assert (await foreign.http.get(path)).status_code == 404
    changed = {"arguments": {"at": "a tower"}}
    assert (await foreign.http.post(f"{path}/approve", json=changed)).status_code == 404
    project_id = agents.project.id
    viewer = Principal("user", UUID(int=3), project_id, "user:eve", Role.VIEWER)
    scopes = frozenset({"approvals:write", "approvals:read", "jobs:read"})
    no_drive = Principal("secret_key", UUID(int=4), project_id, "key:n", Role.DEVELOPER, scopes)
    for principal in (viewer, no_drive):
        async with agents.instance.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await approvals.decide(
                    session, principal, UUID(approval["id"]), "approved", arguments={"at": "a tower"}
                )
    (still,) = await pending(agents, job_id)
    assert still["status"] == "pending"
    assert (await agents.project.http.get(path)).json()["id"] == approval["id"]
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
    await foreign.http.aclose()


async def test_list_is_filtered_by_job(agents: Agents) -> None:
    job_id, approval = await waiting_call(agents, CountingTool("send", confirm=True))
    http = agents.project.http

    async def found(query: str) -> bool:
        rows = (await http.get(f"/v1/approvals?status=pending&{query}")).json()
        return approval["id"] in [one["id"] for one in rows]

    assert await found("skill=sum&environment=production")
    assert not await found("skill=other")
    assert not await found("environment=staging")
    assert not await found("until=2020-01-01T00:00:00Z")
    assert not await found(f"session_id={UUID(int=1)}")
    await http.post(f"/v1/jobs/{job_id}/cancel")


@pytest.mark.parametrize("is_idempotent", [False, True])
async def test_worker_that_is_lost_during_a_changed_call_keeps_the_arguments(
    agents: Agents, is_idempotent: bool
) -> None:
    tool = CountingTool(
        "send", is_read_only=False, is_idempotent=is_idempotent, confirm=True, gate=asyncio.Event()
    )
    job_id, approval = await waiting_call(agents, tool)
    await decide(agents, approval, "approve", arguments={"at": "a tower"})
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        await lose(worker)
        assert tool.gate is not None
        tool.gate.set()
        job = await agents.wait_for_end(job_id)
    assert (job["status"], len(tool.calls)) == ("succeeded", 2 if is_idempotent else 1)
    assert {call.input["at"] for call in tool.calls} == {"a tower"}
    assert len({call.idempotency_key for call in tool.calls}) == 1
    result = agents.upstream.bodies[1]["messages"][-1]["content"][0]
    assert "a user changed the arguments" in str(result["content"])
    assert ("is unknown" in str(result["content"])) is not is_idempotent
