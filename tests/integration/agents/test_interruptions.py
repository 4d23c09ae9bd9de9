"""Interrupted runs: lost and draining workers, cancellation, unavailable models. No step is paid twice."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.execution.jobs.attempts.recovery import sweep
from backend.money.ledger import audit
from tests.doubles.messages import Says, calls, refuses, says
from tests.factories.agents import DONE, PER_REPLY_MICROS, Held
from tests.factories.worker import lose
from tests.integration.agents.conftest import Agents, CountingTool

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEPS = 10


def submit_result() -> Says:
    return says(calls("set_output", **DONE), input_tokens=20, output_tokens=2)


async def until_held(upstream: Held, count: int) -> None:
    """Wait until the server holds back the replies of this number of runs."""
    async with asyncio.timeout(20):
        while len(upstream.held) < count:  # noqa: ASYNC110 - the server has a thread of its own
            await asyncio.sleep(0.01)


async def test_runs_of_lost_worker_resume_without_repeated_costs(agents: Agents) -> None:
    tool = CountingTool(is_read_only=False)
    agents.tools = [tool]
    topics = {f"topic-{step}": step for step in range(1, STEPS + 1)}
    upstream = agents.upstream.script = Held(topics, steps=STEPS)
    jobs = [await agents.submit(inputs={"topic": topic}) for topic in topics]
    async with agents.running_worker(capacity=STEPS) as worker:
        await until_held(upstream, STEPS)
        await lose(worker)
        upstream.release.set()
        ended = [await agents.wait_for_end(job_id) for job_id in jobs]
    assert {(job["status"], job["attempt"], job["steps"]) for job in ended} == {("succeeded", 2, STEPS)}
    assert {job["cost_micros"] for job in ended} == {STEPS * PER_REPLY_MICROS}
    assert set(upstream.replies.values()) == {1}
    assert agents.upstream.answered == STEPS * STEPS
    assert set(Tally(call.input["at"] for call in tool.calls).values()) == {1}
    assert len({call.idempotency_key for call in tool.calls}) == len(tool.calls) == STEPS * (STEPS - 1)
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


@pytest.mark.parametrize("is_idempotent", [False, True])
async def test_interrupted_call_is_repeated_only_if_idempotent(agents: Agents, is_idempotent: bool) -> None:
    tool = CountingTool(is_read_only=False, is_idempotent=is_idempotent, gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look", at="a tree")), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        await lose(worker)
        assert tool.gate is not None
        tool.gate.set()
        job = await agents.wait_for_end(job_id)
    assert (job["status"], len(tool.calls)) == ("succeeded", 2 if is_idempotent else 1)
    result, note = agents.upstream.bodies[1]["messages"][-1]["content"]
    assert ("is unknown" in str(result["content"])) is not is_idempotent
    assert "continues in another sandbox" in note["text"]
    assert [facts["from_step"] for facts in await agents.payloads(job_id, "resumed")] == [1]


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_run_is_cancelled_during_model_reply(agents: Agents, step: int) -> None:
    agents.tools = [CountingTool()]
    upstream = agents.upstream.script = Held({"owls": step}, steps=4)
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await until_held(upstream, 1)
        await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
        worker.cancel(UUID(job_id))
        job = await agents.wait_for_end(job_id)
        upstream.release.set()
    assert (job["status"], job["steps"], job["cost_micros"]) == ("cancelled", step - 1, 0)
    assert agents.upstream.answered == step - 1


async def test_run_is_cancelled_during_tool_call(agents: Agents) -> None:
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look"))]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        await agents.project.http.post(f"/v1/jobs/{job_id}/cancel")
        worker.cancel(UUID(job_id))
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["error_code"]) == ("cancelled", "cancelled")


async def test_draining_worker_requeues_run_before_next_step(agents: Agents) -> None:
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look")), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await asyncio.wait_for(tool.started.wait(), 10)
        worker.stop()
        assert tool.gate is not None
        tool.gate.set()
    assert (await agents.get(job_id))["status"] == "queued"
    assert agents.upstream.asked == 1
    async with agents.running_worker():
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["attempt"], len(tool.calls), agents.upstream.asked) == ("succeeded", 2, 1, 2)
    assert [facts["reason"] for facts in await agents.payloads(job_id, "requeued")] == ["drain"]


async def test_run_resumes_after_waiting_for_busy_model(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    agents.upstream.script = [says(calls("look")), refuses(529), submit_result()]
    job_id = await agents.submit()
    async with agents.running_worker() as worker:
        await agents.wait_until(job_id, lambda job: job["status"] == "queued" and job["attempt"] == 1)
        async with agents.instance.database.transaction() as session:
            update = await session.execute(
                text("update job_queue set not_before = now() where not_before > now()")
            )
            assert update.rowcount == 1  # type: ignore[attr-defined]  # the result of an update
        async with agents.instance.database.transaction() as session:
            await sweep(session)
        worker.wake()
        job = await agents.wait_for_end(job_id)
    assert (job["status"], job["attempt"], job["steps"]) == ("succeeded", 2, 2)
    assert [facts["reason"] for facts in await agents.payloads(job_id, "requeued")] == ["model_overloaded"]


async def test_wait_for_model_ends_at_run_timeout(agents: Agents) -> None:
    agents.upstream.script = [refuses(529)]
    job = await agents.run(limits={"timeout_s": 3})
    assert (job["status"], job["error_code"]) == ("failed", "model_overloaded")


async def test_run_timeout_interrupts_tool_call(agents: Agents) -> None:
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [tool]
    agents.upstream.script = [says(calls("look"))]
    job = await agents.run(limits={"timeout_s": 1})
    assert (job["status"], job["error_code"]) == ("failed", "timeout")
    assert [facts["step"] for facts in await agents.payloads(job["id"], "timeout")] == [1]
