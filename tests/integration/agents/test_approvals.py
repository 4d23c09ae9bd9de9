"""Calls that need a person: the run waits without a worker, and does exactly what was agreed to."""

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
from tests.integration.agents.conftest import Agents, Counter, bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")


def hand_in() -> Says:
    return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)


async def waiting(agents: Agents, **over: Any) -> str:
    """A job that stands before its first gated call."""
    job_id = await agents.submit(**over)
    async with agents.working():
        await agents.until(job_id, lambda job: job["status"] == "waiting")
    return str(job_id)


async def pending(agents: Agents, job_id: str) -> list[Any]:
    answer = await agents.project.http.get(f"/v1/approvals?status=pending&job_id={job_id}")
    return list(reversed(answer.json()))


async def decide(agents: Agents, approval: Any, word: str, **body: Any) -> Any:
    return await agents.project.http.post(f"/v1/approvals/{approval['id']}/{word}", json=body)


async def gone_on(agents: Agents, job_id: str) -> Any:
    async with agents.working():
        return await agents.ended(job_id)


async def window(agents: Agents) -> tuple[int, int, int]:
    """Places taken, jobs parked, and money held in the project."""
    async with agents.instance.database.transaction() as session:
        query = text(
            "select a.admitted, a.parked, w.reserved_micros from admissions a join wallets w using (project_id) "
            "where a.project_id = :id"
        )
        row = (await session.execute(query, {"id": agents.project.id})).one()
    return row.admitted, row.parked, row.reserved_micros


async def test_an_approved_call_is_made_once_as_it_was_shown_and_nothing_is_bought_twice(
    agents: Agents,
) -> None:
    gated, free = Counter("send", is_read_only=False, confirm=True), Counter()
    agents.tools = [gated, free]
    agents.upstream.script = [says(calls("look", at="a tree"), calls("send", at="a barn")), hand_in()]
    job_id = await waiting(agents)
    job = await agents.get(job_id)
    assert (job["started_at"], "approval" in job["waiting_reason"]) == (None, True)
    assert await window(agents) == (0, 0, 0)
    (asked,) = await pending(agents, job_id)
    assert (asked["tool"], asked["input"], gated.calls) == ("send", {"at": "a barn"}, [])
    decided = await decide(agents, asked, "approve", reason="fine")
    assert (decided.status_code, decided.json()["status"]) == (200, "approved")
    job = await gone_on(agents, job_id)
    assert (job["status"], job["attempt"], job["result"]) == ("succeeded", 2, DONE)
    assert ([call.input for call in gated.calls], len(free.calls)) == ([{"at": "a barn"}], 1)
    assert agents.upstream.asked == 2
    types = [event["type"] for event in await agents.events(job_id)]
    assert types.index("approval_required") < types.index("waiting") < types.index("approval_decided")
    (told,) = await agents.payloads(job_id, "approval_decided")
    assert (told["decision"], told["reason"], told["by"].partition(":")[0]) == ("approved", "fine", "key")
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_a_denied_call_is_not_made_and_its_agent_is_told_not_to_try_again(agents: Agents) -> None:
    gated = Counter("send", is_read_only=False, confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(calls("send", at="a barn")), hand_in()]
    job_id = await waiting(agents)
    (asked,) = await pending(agents, job_id)
    await decide(agents, asked, "deny", reason="wrong barn")
    assert (await gone_on(agents, job_id))["status"] == "succeeded"
    told = agents.upstream.bodies[1]["messages"][-1]["content"][0]
    assert (told["is_error"], gated.calls) == (True, [])
    assert "wrong barn" in str(told["content"])
    assert "Do not call it again" in str(told["content"])


async def test_all_gated_calls_of_a_reply_are_asked_about_together_and_the_job_goes_on_with_the_last_word(
    agents: Agents,
) -> None:
    await agents.project.pushed(bundle("tool_limits: {send: 2}\n"))
    gated = Counter("send", is_read_only=True, confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(*[calls("send", at=at) for at in ("a", "b", "c")]), hand_in()]
    job_id = await waiting(agents)
    first, second = sorted(await pending(agents, job_id), key=lambda one: one["input"]["at"])
    await decide(agents, second, "approve")
    assert (await agents.get(job_id))["status"] == "waiting"
    await decide(agents, first, "deny")
    assert (await agents.get(job_id))["status"] == "queued"
    assert (await gone_on(agents, job_id))["status"] == "succeeded"
    assert [call.input["at"] for call in gated.calls] == ["b"]


async def test_a_decision_is_final_and_only_the_projects_own_people_and_keys_make_one(agents: Agents) -> None:
    agents.tools = [Counter("send", confirm=True)]
    agents.upstream.script = [says(calls("send"))]
    job_id = await waiting(agents)
    (asked,) = await pending(agents, job_id)
    project_id = agents.project.id
    other = Principal("secret_key", UUID(int=1), UUID(int=2), "key:other", Role.DEVELOPER)
    own_job = Principal("job", UUID(job_id), project_id, f"job:{job_id}", Role.DEVELOPER)
    viewer = Principal("user", UUID(int=3), project_id, "user:eve", Role.VIEWER)
    narrow = Principal(
        "secret_key", UUID(int=4), project_id, "key:n", Role.DEVELOPER, frozenset({"jobs:write"})
    )
    for who in (own_job, viewer, narrow):
        async with agents.instance.database.transaction() as session:
            with pytest.raises(NotAllowed):
                await approvals.decide(session, who, UUID(asked["id"]), "approved")
    async with agents.instance.database.transaction() as session:
        with pytest.raises(ApprovalNotFound):
            await approvals.decide(session, other, UUID(asked["id"]), "approved")
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
    late = await decide(agents, asked, "approve")
    assert (late.status_code, late.json()["code"], late.json()["status"]) == (
        409,
        "approval_decided",
        "cancelled",
    )


async def test_what_nobody_decides_counts_as_refused(agents: Agents) -> None:
    gated = Counter("send", confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [says(calls("send")), hand_in()]
    job_id = await waiting(agents)
    (asked,) = await pending(agents, job_id)
    async with agents.instance.database.transaction() as session:
        await session.execute(
            text("update approvals set expires_at = now() where id = :id"), {"id": asked["id"]}
        )
    assert (await decide(agents, asked, "approve")).json()["status"] == "expired"
    assert (await gone_on(agents, job_id))["status"] == "succeeded"  # the worker's sweep lets it go on
    assert "The approval expired" in str(agents.upstream.bodies[1]["messages"][-1]["content"])
    assert gated.calls == []


async def test_a_waiting_run_that_is_cancelled_pays_what_it_has_used_beyond_what_is_forgiven(
    agents: Agents,
) -> None:
    agents.tools = [Counter("send", confirm=True)]
    agents.upstream.script = [says(calls("send"), input_tokens=1_000_000, output_tokens=10)]
    await agents.project.pushed(bundle("limits: {cost_usd: 5}\n"))
    job_id = await waiting(agents)
    job = (await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")).json()
    assert (job["status"], job["used_micros"]) == ("cancelled", 1_200_060)
    assert (job["cost_micros"], job["forgiven_micros"]) == (200_060, 1_000_000)
    assert await window(agents) == (0, 0, 0)
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_consent_to_a_call_is_not_consent_to_one_of_a_run_that_begins_anew(agents: Agents) -> None:
    await agents.project.pushed(bundle("retries: {max: 1, on: [error]}\n"))
    gated = Counter("send", confirm=True)
    agents.tools = [gated]
    agents.upstream.script = [
        says(calls("send", at="a barn")),
        says("No.", stop_reason="refusal"),
        says(calls("send", at="a bank")),
    ]
    job_id = await waiting(agents)
    (asked,) = await pending(agents, job_id)
    await decide(agents, asked, "approve")
    async with agents.working():
        await agents.until(job_id, lambda job: job["status"] == "waiting")
    (again,) = await pending(agents, job_id)
    assert (again["input"], len(gated.calls)) == ({"at": "a bank"}, 1)
    await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
