"""Calls that need an approval: the run waits without a worker and makes exactly the approved call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.errors import NotAllowed
from backend.execution.approvals import service as approvals
from backend.execution.approvals.errors import ApprovalNotFound
from backend.identity.auth.principal import Principal, Role
from backend.money.ledger import audit
from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE
from tests.integration.agents.conftest import Agents, CountingTool, bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")


def submit_result() -> Says:
    return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)


async def submit_until_waiting(agents: Agents, **over: Any) -> str:
    """Submit a job and return its ID when it waits for its first approval."""
    job_id = await agents.submit(**over)
    async with agents.running_worker():
        await agents.wait_until(job_id, lambda job: job["status"] == "waiting")
    return str(job_id)


async def pending(agents: Agents, job_id: str) -> list[Any]:
    response = await agents.project.http.get(f"/v1/approvals?status=pending&job_id={job_id}")
    return list(reversed(response.json()))


async def decide(agents: Agents, approval: Any, decision: str, **body: Any) -> Any:
    return await agents.project.http.post(f"/v1/approvals/{approval['id']}/{decision}", json=body)


async def finish_job(agents: Agents, job_id: str) -> Any:
    async with agents.running_worker():
        return await agents.wait_for_end(job_id)


async def admission_state(agents: Agents) -> tuple[int, int, int]:
    """Return the numbers of admitted and pending jobs of the project, and its reserved money."""
    async with agents.instance.database.transaction() as session:
        query = text(
            "select a.admitted, a.parked, w.reserved_micros from admissions a join wallets w using (project_id) "
            "where a.project_id = :id"
        )
        row = (await session.execute(query, {"id": agents.project.id})).one()
    return row.admitted, row.parked, row.reserved_micros


async def test_approved_call_is_made_once_as_shown_without_repeated_costs(
    agents: Agents,
) -> None:
    gated, free = CountingTool("send", is_read_only=False, confirm=True), CountingTool()
    agents.tools = [gated, free]
    agents.upstream.script = [says(calls("look", at="a tree"), calls("send", at="a barn")), submit_result()]
    job_id = await submit_until_waiting(agents)
    job = await agents.get(job_id)
    assert (job["started_at"] is not None, "approval" in job["waiting_reason"]) == (True, True)
    assert await admission_state(agents) == (0, 0, 0)
    (approval,) = await pending(agents, job_id)
    assert (approval["tool"], approval["input"], gated.calls) == ("send", {"at": "a barn"}, [])
    response = await decide(agents, approval, "approve", reason="fine")
    assert (response.status_code, response.json()["status"]) == (200, "approved")
    job = await finish_job(agents, job_id)
    assert (job["status"], job["attempt"], job["result"]) == ("succeeded", 1, DONE)
    assert ([call.input for call in gated.calls], len(free.calls)) == ([{"at": "a barn"}], 1)
    assert agents.upstream.asked == 2
    types = [event["type"] for event in await agents.events(job_id)]
    assert types.index("approval_required") < types.index("waiting") < types.index("approval_decided")
    (received,) = await agents.payloads(job_id, "approval_decided")
    assert (received["decision"], received["reason"], received["by"].partition(":")[0]) == (
        "approved",
        "fine",
        "key",
    )
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_denied_call_is_not_made_and_agent_must_not_repeat_it(agents: Agents) -> None:
    gated = CountingTool("send", is_read_only=False, confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(calls("send", at="a barn")), submit_result()]
    job_id = await submit_until_waiting(agents)
    (approval,) = await pending(agents, job_id)
    await decide(agents, approval, "deny", reason="wrong barn")
    assert (await finish_job(agents, job_id))["status"] == "succeeded"
    received = agents.upstream.bodies[1]["messages"][-1]["content"][0]
    assert (received["is_error"], gated.calls) == (True, [])
    assert "wrong barn" in str(received["content"])
    assert "Do not call it again" in str(received["content"])


async def test_calls_of_one_reply_are_approved_together_before_job_continues(
    agents: Agents,
) -> None:
    await agents.project.pushed(bundle("tool_limits: {send: 2}\n"))
    gated = CountingTool("send", is_read_only=True, confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(*[calls("send", at=at) for at in ("a", "b", "c")]), submit_result()]
    job_id = await submit_until_waiting(agents)
    first, second = sorted(await pending(agents, job_id), key=lambda one: one["input"]["at"])
    await decide(agents, second, "approve")
    assert (await agents.get(job_id))["status"] == "waiting"
    await decide(agents, first, "deny")
    assert (await agents.get(job_id))["status"] == "queued"
    assert (await finish_job(agents, job_id))["status"] == "succeeded"
    assert [call.input["at"] for call in gated.calls] == ["b"]


async def test_decision_is_final_and_made_only_by_users_and_keys_of_the_project(agents: Agents) -> None:
    agents.tools = [CountingTool("send", confirm=True)]
    agents.upstream.script = [says(calls("send"))]
    job_id = await submit_until_waiting(agents)
    (approval,) = await pending(agents, job_id)
    project_id = agents.project.id
    other = Principal("secret_key", UUID(int=1), UUID(int=2), "key:other", Role.DEVELOPER)
    own_job = Principal("job", UUID(job_id), project_id, f"job:{job_id}", Role.DEVELOPER)
    viewer = Principal("user", UUID(int=3), project_id, "user:eve", Role.VIEWER)
    restricted_key = Principal(
        "secret_key", UUID(int=4), project_id, "key:n", Role.DEVELOPER, frozenset({"jobs:write"})
    )
    for principal in (own_job, viewer, restricted_key):
        async with agents.instance.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await approvals.decide(session, principal, UUID(approval["id"]), "approved")
    async with agents.instance.database.transaction() as session:
        with pytest.raises(ApprovalNotFound):
            await approvals.decide(session, other, UUID(approval["id"]), "approved")
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
    late_decision = await decide(agents, approval, "approve")
    assert (late_decision.status_code, late_decision.json()["code"], late_decision.json()["status"]) == (
        409,
        "approval_decided",
        "cancelled",
    )


async def test_expired_approval_counts_as_denied(agents: Agents) -> None:
    gated = CountingTool("send", confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(calls("send")), submit_result()]
    job_id = await submit_until_waiting(agents)
    (approval,) = await pending(agents, job_id)
    async with agents.instance.database.transaction() as session:
        await session.execute(
            text("update approvals set expires_at = now() where id = :id"), {"id": approval["id"]}
        )
    assert (await decide(agents, approval, "approve")).json()["status"] == "expired"
    assert (await finish_job(agents, job_id))["status"] == "succeeded"  # the sweep of the worker requeues it
    assert "The approval expired" in str(agents.upstream.bodies[1]["messages"][-1]["content"])
    assert gated.calls == []


async def test_cancelled_waiting_run_pays_its_use_beyond_the_forgiven_amount(
    agents: Agents,
) -> None:
    agents.tools = [CountingTool("send", confirm=True)]
    agents.upstream.script = [says(calls("send"), input_tokens=1_000_000, output_tokens=10)]
    await agents.project.pushed(bundle("limits: {cost_usd: 5}\n"))
    job_id = await submit_until_waiting(agents)
    job = (await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")).json()
    assert (job["status"], job["used_micros"]) == ("cancelled", 1_200_060)
    assert (job["cost_micros"], job["forgiven_micros"]) == (200_060, 1_000_000)
    assert await admission_state(agents) == (0, 0, 0)
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_approval_does_not_apply_to_a_restarted_run(agents: Agents) -> None:
    await agents.project.pushed(bundle("retries: {max: 1, on: [error]}\n"))
    gated = CountingTool("send", confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [
        says(calls("send", at="a barn")),
        says("No.", stop_reason="refusal"),
        says(calls("send", at="a bank")),
    ]
    job_id = await submit_until_waiting(agents)
    (approval,) = await pending(agents, job_id)
    await decide(agents, approval, "approve")
    async with agents.running_worker():
        await agents.wait_until(job_id, lambda job: job["status"] == "waiting")
    (second_approval,) = await pending(agents, job_id)
    assert (second_approval["input"], len(gated.calls)) == ({"at": "a bank"}, 1)
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
