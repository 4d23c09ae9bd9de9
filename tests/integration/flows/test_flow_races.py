"""A step ends, an approval is decided or an event comes while the flow leaves its worker: it is queued exactly once."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.engine import Database
from backend.execution.approvals.service import ApprovalKey, apply_decision
from backend.execution.flows.children import FlowNotRunning
from backend.execution.flows.service import RunningFlow, advance_stored
from backend.execution.jobs import flow_waits
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.cancel import cancel_by
from backend.execution.waits import project_events
from backend.execution.waits import service as waits
from backend.money.ledger.audit import check_ledger
from backend.money.pricing import PriceList
from backend.skills.flows.types import Flow
from tests.factories.tenants import Tenant, make_job, make_skill, make_tenant
from tests.integration.jobs.test_queue import worker
from tests.integration.ledger.test_reservation_races import line_item, until_blocked

STEP = {"id": "a", "skill": "echo", "inputs": {}}
PAID = PriceList(compute_micros_per_second=7, job_timeout_s=10, forgiven_micros=0)
_STATE = text("""
select j.status, (select count(*) from job_queue q where q.job_id = j.id) as places from jobs j where j.id = :job_id
""")


async def started(database: Database, *steps: dict[str, Any]) -> tuple[Tenant, JobAttempt, list[JobAttempt]]:
    """Return a running flow that has started its first steps, and the running jobs of these."""
    flow = {"steps": list(steps) or [STEP]}
    async with database.transaction() as session:
        skill = make_skill("post", entrypoint="flow.yaml", flow=flow)
        tenant = await make_tenant(session, make_skill(), skill)
        await make_job(session, tenant, skill="post", prices=PAID)
    worker_id = await worker(database)
    [parent] = await claimed(database, worker_id)
    await advance_stored(database, PAID, running(parent, flow))
    return tenant, parent, await claimed(database, worker_id)


async def claimed(database: Database, worker_id: UUID) -> list[JobAttempt]:
    """Claim all ready jobs."""
    async with database.transaction() as session:
        return await claim(session, worker_id=worker_id, lane="default", limit=8)


def running(job: JobAttempt, flow: dict[str, Any]) -> RunningFlow:
    """Return the attempt of a flow."""
    return RunningFlow(
        Flow.model_validate(flow),
        job.job_id,
        job.project_id,
        "production",
        job.attempt,
        "post",
        job.inputs,
        60.0,
    )


async def suspend(session: Any, job: JobAttempt) -> None:
    """Let the flow leave its worker."""
    suspended = await flow_waits.suspend(
        session, project_id=job.project_id, job_id=job.job_id, attempt=job.attempt, events=()
    )
    assert suspended is False


async def end(session: Any, job: JobAttempt) -> None:
    """End a job with a result."""
    assert await finish(session, job, AttemptResult("succeeded", result={}))


async def state(database: Database, job_id: UUID) -> tuple[str, int]:
    """Return the status of a job and the number of its queue entries, and check the accounts."""
    async with database.transaction() as session:
        assert await check_ledger(session) == []
        row = (await session.execute(_STATE, {"job_id": job_id})).one()
        return row.status, row.places


@pytest.mark.parametrize("first", ["the flow", "the step"])
@pytest.mark.parametrize("overlap", [False, True])
async def test_last_step_ends_while_the_flow_leaves_its_worker(
    database: Database, first: str, *, overlap: bool
) -> None:
    _, parent, [child] = await started(database)
    changes = [(suspend, parent), (end, child)]
    (one, its_job), (other, other_job) = changes if first == "the flow" else reversed(changes)

    async def run_other() -> None:
        async with database.transaction() as session:
            await other(session, other_job)

    async with asyncio.timeout(20):
        if overlap:
            async with database.transaction() as session:
                await one(session, its_job)
                waiting = asyncio.create_task(run_other())
                await until_blocked(database)
            await waiting
        else:
            async with database.transaction() as session:
                await one(session, its_job)
            await run_other()
    assert await state(database, parent.job_id) == ("queued", 1)


async def test_flow_waits_until_one_of_its_steps_ends(database: Database) -> None:
    second = {**STEP, "id": "b"}
    block = {"id": "p", "parallel": [{"steps": [STEP]}, {"steps": [second]}]}
    _, parent, children = await started(database, block)
    assert len(children) == 2
    async with database.transaction() as session:
        await suspend(session, parent)
    assert await state(database, parent.job_id) == ("waiting", 0)
    for child in children:  # the second end finds it queued
        async with database.transaction() as session:
            await end(session, child)
        assert await state(database, parent.job_id) == ("queued", 1)


@pytest.mark.parametrize("first", ["the flow", "the decision"])
async def test_approval_is_decided_while_the_flow_leaves_its_worker(database: Database, first: str) -> None:
    tenant, parent, children = await started(database, {"id": "a", "approval": {"message": "Go?"}})
    assert children == []
    async with database.transaction() as session:
        found = await session.execute(
            text("select id from approvals where project_id = :id"), {"id": tenant.project_id}
        )
        key = ApprovalKey(found.scalar_one(), parent.job_id, parent.project_id)

    async def leave() -> None:
        async with database.transaction() as session:
            await suspend(session, parent)

    async def decide() -> None:
        async with database.transaction() as session:
            assert await apply_decision(session, key, "approved", reason="", actor="user:x")

    for change in (leave, decide) if first == "the flow" else (decide, leave):
        await change()
    assert await state(database, parent.job_id) == ("queued", 1)


@pytest.mark.parametrize("first", ["the flow", "the event"])
@pytest.mark.parametrize("overlap", [False, True])
async def test_event_is_received_while_the_flow_leaves_its_worker(
    database: Database, first: str, *, overlap: bool
) -> None:
    step = {"id": "a", "wait": {"event": {"type": "paid"}}}
    tenant, parent, children = await started(database, step)
    assert children == []

    async def leave(session: AsyncSession) -> None:
        await suspend(session, parent)

    async def receive(session: AsyncSession) -> None:
        await project_events.send(
            session,
            project_id=tenant.project_id,
            environment="production",
            event_id="e",
            event_type="paid",
            data=1,
            sent_by="user:x",
        )

    one, other = (leave, receive) if first == "the flow" else (receive, leave)

    async def run_other() -> None:
        async with database.transaction() as session:
            await other(session)

    async with asyncio.timeout(20):
        async with database.transaction() as session:
            await one(session)
            waiting = asyncio.create_task(run_other()) if overlap else None
            if waiting is not None:
                await until_blocked(database)
        await (run_other() if waiting is None else waiting)
    # An event that finds the flow neither running nor waiting leaves it to the sweep.
    await waits.resume_due(database)
    assert await state(database, parent.job_id) == ("queued", 1)
    await waits.resume_due(database)
    assert await state(database, parent.job_id) == ("queued", 1)
    [again] = await claimed(database, await worker(database))
    plan = await advance_stored(database, PAID, running(again, {"steps": [step]}))
    assert plan.output == {"id": "e", "type": "paid", "data": 1}


async def test_ends_of_a_job_an_approval_and_a_wait_queue_the_flow_once(database: Database) -> None:
    branches: list[dict[str, Any]] = [
        STEP,
        {"id": "b", "approval": {"message": "Go?"}},
        {"id": "c", "wait": {"event": {"type": "paid"}}},
        {"id": "d", "wait": {"duration": 3600}},
    ]
    block = {"id": "p", "parallel": [{"steps": [one]} for one in branches]}
    tenant, parent, [child] = await started(database, block)
    async with database.transaction() as session:
        await suspend(session, parent)
    assert await state(database, parent.job_id) == ("waiting", 0)
    async with database.transaction() as session:
        await session.execute(text("update job_waits set wake_at = now() where kind = 'time'"))
        found = await session.execute(text("select id from approvals"))
        key = ApprovalKey(found.scalar_one(), parent.job_id, parent.project_id)

    async def decide() -> None:
        async with database.transaction() as session:
            assert await apply_decision(session, key, "approved", reason="", actor="user:x")

    async def receive() -> None:
        async with database.transaction() as session:
            await project_events.send(
                session,
                project_id=tenant.project_id,
                environment="production",
                event_id="e",
                event_type="paid",
                data=1,
                sent_by="x",
            )

    async def end_child() -> None:
        async with database.transaction() as session:
            await end(session, child)

    async with asyncio.timeout(20):
        await asyncio.gather(decide(), receive(), end_child(), waits.resume_due(database))
    assert await state(database, parent.job_id) == ("queued", 1)
    [again] = await claimed(database, await worker(database))
    plan = await advance_stored(database, PAID, running(again, {"steps": [block]}))
    assert (plan.has_ended, plan.failure) == (True, None)
    async with database.transaction() as session:
        assert (await session.execute(text("select * from job_waits"))).all() == []


async def test_time_of_a_step_queues_the_flow_once(database: Database) -> None:
    step = {**STEP, "timeout_s": 3600.0}
    _, parent, [child] = await started(database, step)
    async with database.transaction() as session:
        await suspend(session, parent)
    async with database.transaction() as session:
        await session.execute(text("update job_waits set wake_at = now()"))
    await waits.resume_due(database)
    [again] = await claimed(database, await worker(database))
    plan = await advance_stored(database, PAID, running(again, {"steps": [step]}))
    assert plan.stops == [child.job_id]
    async with database.transaction() as session:
        await suspend(session, again)
    await waits.resume_due(database)
    assert await state(database, parent.job_id) == ("waiting", 0)  # until its worker has cancelled the job
    async with database.transaction() as session:
        assert await finish(session, child, AttemptResult("cancelled", error="x", error_code="cancelled"))
    assert await state(database, parent.job_id) == ("queued", 1)
    [last] = await claimed(database, await worker(database))
    failure = (await advance_stored(database, PAID, running(last, {"steps": [step]}))).failure
    assert failure is not None
    assert "step_timeout" in failure.message


async def test_code_of_a_listing_has_no_events(database: Database) -> None:
    first: dict[str, Any] = {"id": "a", "wait": {"duration": 0.001}}
    event: dict[str, Any] = {"event": {"type": "x"}}
    both = [[{"id": "b", "emit": {"type": "x"}}], [{"id": "c", "wait": event}]]
    flow = {"steps": [first, {"id": "p", "parallel": [{"steps": one} for one in both]}]}
    _, parent, _ = await started(database, *flow["steps"])
    async with database.transaction() as session:  # as the submission of a listing stores it
        await session.execute(text("update jobs set publisher_id = project_id"))
    plan = await advance_stored(database, PAID, running(parent, flow))
    assert plan.failure is not None
    message = "failed with not_allowed: The code of a listing cannot send or receive events of the project."
    assert message in plan.failure.message
    async with database.transaction() as session:
        assert (await session.execute(text("select * from project_events"))).all() == []


async def test_flow_ends_although_none_of_its_jobs_can_be_started(database: Database) -> None:
    step = {**STEP, "skill": "nothing", "for_each": list(range(12)), "concurrency": 1, "on_error": "continue"}
    flow = {"steps": [step]}
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill("post", entrypoint="flow.yaml", flow=flow))
        await make_job(session, tenant, skill="post", prices=PAID)
    [parent] = await claimed(database, await worker(database))
    plan = await advance_stored(database, PAID, running(parent, flow))
    assert plan.has_ended
    assert [one["status"] for one in plan.output] == ["failed"] * 12


async def test_attempt_that_is_not_the_running_one_starts_nothing(database: Database) -> None:
    _, parent, [child] = await started(database)
    async with database.transaction() as session:
        assert await requeue(session, job_id=parent.job_id, attempt=parent.attempt, reason="worker_lost")
    with pytest.raises(FlowNotRunning):
        await advance_stored(database, PAID, running(parent, {"steps": [STEP]}))
    async with database.transaction() as session:
        assert (
            await flow_waits.suspend(
                session, project_id=parent.project_id, job_id=parent.job_id, attempt=parent.attempt, events=()
            )
            is None
        )
        await end(session, child)
    assert await state(database, parent.job_id) == ("queued", 1)


async def test_step_of_a_lost_worker_runs_again_while_the_flow_waits(database: Database) -> None:
    _, parent, [child] = await started(database)
    async with database.transaction() as session:
        await suspend(session, parent)
        await session.execute(text("update workers set beat_at = to_timestamp(0)"))
    async with database.transaction() as session:
        await sweep(session)
    assert await state(database, child.job_id) == ("queued", 1)
    assert await state(database, parent.job_id) == ("waiting", 0)


@pytest.mark.parametrize("is_waiting", [False, True])
async def test_cancellation_reaches_queued_and_running_steps(database: Database, *, is_waiting: bool) -> None:
    second = {**STEP, "id": "b"}
    block = {"id": "p", "parallel": [{"steps": [STEP]}, {"steps": [second]}]}
    _, parent, [child, other] = await started(database, block)
    async with database.transaction() as session:
        assert await requeue(session, job_id=other.job_id, attempt=other.attempt, reason="drain")
        if is_waiting:
            await suspend(session, parent)
    async with database.transaction() as session:
        await cancel_by(session, parent.job_id, actor="a test")
    expected = "cancelled" if is_waiting else "running"  # the worker of a running job ends it
    assert (await state(database, parent.job_id))[0] == expected
    assert await state(database, other.job_id) == ("cancelled", 0)
    async with database.transaction() as session:
        requested = await session.execute(
            text("select cancel_requested_at is not null from jobs where id = :id"), {"id": child.job_id}
        )
        assert requested.scalar_one()


async def test_end_of_a_step_and_cancellation_do_not_deadlock(database: Database) -> None:
    _, parent, [child] = await started(database)
    async with database.transaction() as session:
        await suspend(session, parent)

    async def cancel() -> None:
        async with database.transaction() as session:
            await cancel_by(session, parent.job_id, actor="a test")

    async with asyncio.timeout(20):
        async with database.transaction() as session:
            await end(session, child)
            waiting = asyncio.create_task(cancel())
            await until_blocked(database)
        await waiting
    assert await state(database, parent.job_id) == ("cancelled", 0)


async def test_reservations_of_a_flow_and_its_steps_are_those_of_the_wallet(database: Database) -> None:
    second = {**STEP, "id": "b"}
    block = {"id": "p", "parallel": [{"steps": [STEP]}, {"steps": [second]}]}
    flow = {"steps": [block]}
    _, parent, [first, last] = await started(database, block)

    async def finish_step(job: JobAttempt) -> None:
        async with database.transaction() as session:
            used = (line_item(9),)
            assert await finish(session, job, AttemptResult("succeeded", result={}, used=used))

    await finish_step(first)  # while the flow runs
    assert (await state(database, parent.job_id))[0] == "running"
    async with database.transaction() as session:
        await suspend(session, parent)
    assert await state(database, parent.job_id) == ("queued", 1)
    worker_id = await worker(database)
    [again] = await claimed(database, worker_id)
    assert again.reserved_micros == 9
    await advance_stored(database, PAID, running(again, flow))
    assert (await state(database, parent.job_id))[0] == "running"
    async with database.transaction() as session:
        await suspend(session, again)
    assert await state(database, parent.job_id) == ("waiting", 0)
    await finish_step(last)  # while the flow waits
    assert await state(database, parent.job_id) == ("queued", 1)
    [third] = await claimed(database, worker_id)
    assert third.reserved_micros == 18
    await advance_stored(database, PAID, running(third, flow))
    async with database.transaction() as session:
        assert await finish(session, third, AttemptResult("succeeded", result={}))
    assert await state(database, parent.job_id) == ("succeeded", 0)


async def test_concurrent_ends_of_steps_keep_the_accounts_consistent(database: Database) -> None:
    """Eight workers run a flow and its steps; the wallet reserves exactly what their attempts do."""
    numbers = random.Random(20_261_129)
    flow = {"steps": [{**STEP, "for_each": list(range(60)), "concurrency": 10}]}
    async with database.transaction() as session:
        skill = make_skill("post", entrypoint="flow.yaml", flow=flow)
        tenant = await make_tenant(session, make_skill(), skill)
        job_id = await make_job(session, tenant, skill="post", prices=PAID)
    worker_id = await worker(database)

    async def advance(job: JobAttempt) -> None:
        plan = await advance_stored(database, PAID, running(job, flow))
        await asyncio.sleep(numbers.random() / 50)
        async with database.transaction() as session:
            if plan.has_ended:
                assert await finish(session, job, AttemptResult("succeeded", result={}))
            else:
                await suspend(session, job)

    async def work() -> None:
        while (await state(database, job_id))[0] not in ("succeeded", "failed"):
            async with database.single() as session:
                found = await claim(session, worker_id=worker_id, lane="default", limit=2)
            for job in found:
                if job.job_id == job_id:
                    await advance(job)
                    continue
                await asyncio.sleep(numbers.random() / 100)
                used = (line_item(min(job.reserved_micros, numbers.randint(1, 5))),)
                async with database.transaction() as session:
                    assert await finish(session, job, AttemptResult("succeeded", result={}, used=used))
            await asyncio.sleep(0.005)

    async with asyncio.timeout(60):
        await asyncio.gather(*(work() for _ in range(8)))
    assert await state(database, job_id) == ("succeeded", 0)


async def test_flow_leaves_its_worker_while_a_step_moves_its_reservation_to_it(database: Database) -> None:
    """Another step is claimed meanwhile, so the wallet changes while the flow waits for the lock of its row."""
    second = {**STEP, "id": "b"}
    block = {"id": "p", "parallel": [{"steps": [STEP]}, {"steps": [second]}]}
    _, parent, [first, last] = await started(database, block)
    async with database.transaction() as session:  # the last job starts again, with a new reservation
        assert await requeue(session, job_id=last.job_id, attempt=last.attempt, reason="drain")
    worker_id = await worker(database)

    async def leave() -> None:
        async with database.transaction() as session:
            await suspend(session, parent)

    async with asyncio.timeout(20):
        async with database.transaction() as session:
            await end(session, first)
            waiting = asyncio.create_task(leave())
            await until_blocked(database)
            [again] = await claimed(database, worker_id)
            assert again.reserved_micros > 0
        await waiting
    assert await state(database, parent.job_id) == ("queued", 1)
