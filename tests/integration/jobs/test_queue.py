"""Admission, fair claims and fencing on a real database."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace as replaced
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.errors import Invalid, Missing, NotAllowed, PaymentRequired
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import LogEvent
from backend.execution.jobs import cancel as cancelling
from backend.execution.jobs import lanes, queries
from backend.execution.jobs.access.events import list_events
from backend.execution.jobs.attempts.claim import JobAttempt, claim, claim_quarantined, reserve_quarantined
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.errors import JobAlreadyEnded, JobNotFound
from backend.execution.jobs.forks.replay import replay
from backend.execution.jobs.queries import JobFilter
from backend.execution.worker_registry import service as worker_registry
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.money.pricing import PriceList
from tests.factories.tenants import Tenant, make_job, make_skill, make_tenant

PRICED = PriceList(compute_micros_per_second=100, job_timeout_s=5)


async def create_tenant(database: Database, **overrides: object) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, **overrides)  # type: ignore[arg-type]  # the factory checks them


async def submit_jobs(database: Database, tenant: Tenant, count: int = 1, **request: object) -> list[UUID]:
    created = []
    for _ in range(count):
        async with database.transaction() as session:
            created.append(await make_job(session, tenant, **request))  # type: ignore[arg-type]
    return created


async def worker(database: Database, lane: str = "default") -> UUID:
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(session, worker_id, lanes=[lane], capacity=8, layers=[])
    return worker_id


async def claim_jobs(database: Database, worker_id: UUID, limit: int = 8) -> list[JobAttempt]:
    async with database.transaction() as session:
        return await claim(session, worker_id=worker_id, lane="default", limit=limit)


async def end_job(database: Database, job: JobAttempt, status: str = "succeeded") -> bool:
    async with database.transaction() as session:
        return await finish(session, job, AttemptResult(status, result={"ok": True}))  # type: ignore[arg-type]


async def lose_worker(database: Database, worker_id: UUID) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("update workers set beat_at = to_timestamp(0) where id = :id"), {"id": worker_id}
        )
    async with database.transaction() as session:
        await sweep(session)


async def assert_ledger_is_consistent(database: Database) -> None:
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def read_job(database: Database, tenant: Tenant, job_id: UUID) -> queries.JobRead:
    async with database.transaction() as session:
        return await queries.get_job(session, tenant.principal, job_id)


async def test_job_beyond_the_window_is_pending_until_another_ends(database: Database) -> None:
    tenant = await create_tenant(database, concurrency_limit=2)
    job_ids = await submit_jobs(database, tenant, 3)
    me = await worker(database)
    jobs = await claim_jobs(database, me)
    assert [job.job_id for job in jobs] == job_ids[:2]
    third = await read_job(database, tenant, job_ids[2])
    assert third.waiting_reason == "for the concurrency limit of the project (2/2)"
    assert await end_job(database, jobs[0])
    assert [job.job_id for job in await claim_jobs(database, me)] == [job_ids[2]]
    await assert_ledger_is_consistent(database)


async def test_audit_reports_a_running_job_without_a_worker(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    await claim_jobs(database, await worker(database))
    async with database.transaction() as session:
        await session.execute(text("update jobs set worker_id = null where id = :id"), {"id": job_id})
        (found,) = await audit.check_ledger(session)
    assert found.rule == "a job has a worker exactly while it runs"
    assert found.facts == {"job": str(job_id), "status": "running", "worker": None}


async def test_higher_priority_runs_first_within_its_project(database: Database) -> None:
    tenant = await create_tenant(database, concurrency_limit=1)
    (running,) = await submit_jobs(database, tenant)
    await submit_jobs(database, tenant, priority=1)
    (urgent,) = await submit_jobs(database, tenant, priority=9)
    me = await worker(database)
    (job,) = await claim_jobs(database, me)
    assert job.job_id == running
    await end_job(database, job)
    assert [job.job_id for job in await claim_jobs(database, me)] == [urgent]


async def test_many_jobs_of_one_project_do_not_delay_other_projects(database: Database) -> None:
    flood = await create_tenant(database, concurrency_limit=50)
    await submit_jobs(database, flood, 60)
    quiet = [await create_tenant(database) for _ in range(3)]
    me = await worker(database)
    for job in await claim_jobs(database, me, limit=10):
        await end_job(database, job)
    for tenant in quiet:
        await submit_jobs(database, tenant, 5)
    served: list[UUID] = []
    while len(served) < 20 and (jobs := await claim_jobs(database, me, limit=1)):
        served += [job.project_id for job in jobs]
        await end_job(database, jobs[0])
    counts = Counter(served)
    assert all(counts[tenant.project_id] == 5 for tenant in quiet), (
        "each project gets its share while all wait"
    )
    assert 4 <= counts[flood.project_id] <= 6


async def test_no_job_is_claimed_twice(database: Database) -> None:
    tenant = await create_tenant(database)
    await submit_jobs(database, tenant, 20)
    first, second = await worker(database), await worker(database)
    taken = [
        job.job_id
        for _ in range(10)
        for me in (first, second)
        for job in await claim_jobs(database, me, limit=2)
    ]
    assert len(taken) == len(set(taken)) == 20


async def test_every_write_of_a_lost_attempt_is_rejected(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    lost, other = await worker(database), await worker(database)
    (stale,) = await claim_jobs(database, lost)
    await lose_worker(database, lost)
    (fresh,) = await claim_jobs(database, other)
    assert (fresh.job_id, fresh.attempt) == (job_id, 2)
    async with database.transaction() as session:
        assert not await append(
            session,
            job_id=job_id,
            attempt=stale.attempt,
            events=[NewEvent(LogEvent(stream="system", text="late"))],
        )
        assert not await finish(session, stale, AttemptResult("succeeded", result={"late": True}))
        assert not await requeue(session, job_id=job_id, attempt=stale.attempt, reason="drain")
    assert await end_job(database, fresh)
    assert not await end_job(database, fresh), "an end is stored once"
    async with database.transaction() as session:
        events = await list_events(session, tenant.principal, job_id)
    assert [event.type for event in events] == ["queued", "started", "requeued", "started", "succeeded"]
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    await assert_ledger_is_consistent(database)


async def test_job_that_kills_its_process_alone_fails_with_worker_lost(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    for attempt in range(1, 5):
        me = await worker(database)
        async with database.transaction() as session:
            lane = await reserve_quarantined(session, worker_id=me, lanes=["default"])
        assert (lane is not None) == (attempt == 4), "it is quarantined after its third lost attempt"
        if lane is None:
            assert len(await claim_jobs(database, me)) == 1
        else:
            assert await claim_jobs(database, me) == [], "a normal claim does not take a quarantined job"
            async with database.transaction() as session:
                assert len(await claim_quarantined(session, worker_id=me, lane=lane)) == 1
        await lose_worker(database, me)
    job = await read_job(database, tenant, job_id)
    assert (job.status, job.error_code) == ("failed", "worker_lost")
    await assert_ledger_is_consistent(database)


async def test_quarantined_job_stays_quarantined_after_a_drain(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    for _ in range(3):
        me = await worker(database)
        assert len(await claim_jobs(database, me)) == 1
        await lose_worker(database, me)
    for _ in range(2):
        me = await worker(database)
        assert await claim_jobs(database, me) == []
        async with database.transaction() as session:
            lane = await reserve_quarantined(session, worker_id=me, lanes=["default"])
            assert lane is not None
            (attempt,) = await claim_quarantined(session, worker_id=me, lane=lane)
            assert await requeue(session, job_id=job_id, attempt=attempt.attempt, reason="drain")
            await session.execute(text("delete from workers where id = :id"), {"id": me})


async def test_subjobs_do_not_count_as_other_jobs_of_a_lost_worker(database: Database) -> None:
    tenant = await create_tenant(database)
    calling, called = await submit_jobs(database, tenant, 2)
    me = await worker(database)
    assert len(await claim_jobs(database, me)) == 2
    async with database.transaction() as session:
        await session.execute(
            text("update jobs set parent_job_id = :calling where id = :called"),
            {"calling": calling, "called": called},
        )
    await lose_worker(database, me)
    async with database.transaction() as session:
        alone = (await session.execute(text("select j.losses_alone from jobs j"))).scalars().all()
    assert alone == [1, 1]


async def test_other_jobs_of_a_lost_process_are_not_failed(database: Database) -> None:
    tenant = await create_tenant(database)
    job_ids = await submit_jobs(database, tenant, 2)
    for _ in range(6):
        me = await worker(database)
        async with database.transaction() as session:
            await reserve_quarantined(session, worker_id=me, lanes=["default"])
        await claim_jobs(database, me)
        await lose_worker(database, me)
    for job_id in job_ids:
        assert (await read_job(database, tenant, job_id)).status == "queued"


async def test_worker_runs_only_one_quarantined_job_at_a_time(database: Database) -> None:
    tenant = await create_tenant(database)
    await submit_jobs(database, tenant, 2)
    async with database.transaction() as session:
        await session.execute(text("update job_queue set suspect = true"))
    first, second = await worker(database), await worker(database)
    async with database.transaction() as session:
        assert await reserve_quarantined(session, worker_id=first, lanes=["default"]) == "default"
    async with database.transaction() as session:
        assert await reserve_quarantined(session, worker_id=second, lanes=["default"]) is None


async def test_queued_job_is_cancelled_immediately_and_frees_its_slot(database: Database) -> None:
    tenant = await create_tenant(database, concurrency_limit=1)
    first, second = await submit_jobs(database, tenant, 2)
    async with database.transaction() as session:
        await cancelling.cancel(session, tenant.principal, first)
    assert (await read_job(database, tenant, first)).status == "cancelled"
    assert [job.job_id for job in await claim_jobs(database, await worker(database))] == [second]
    await assert_ledger_is_consistent(database)


async def test_worker_cancels_a_running_job_and_the_sweep_a_lost_one(
    database: Database,
) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    me = await worker(database)
    await claim_jobs(database, me)
    async with database.transaction() as session:
        await cancelling.cancel(session, tenant.principal, job_id)
        assert await worker_registry.cancelled_jobs(session, me) == [job_id]
    await lose_worker(database, me)
    assert (await read_job(database, tenant, job_id)).status == "cancelled"
    await assert_ledger_is_consistent(database)


async def test_lost_job_of_a_missing_skill_fails_and_delays_no_other(database: Database) -> None:
    tenant = await create_tenant(database)
    first, second = await submit_jobs(database, tenant, 2)
    me = await worker(database)
    await claim_jobs(database, me)
    async with database.transaction() as session:
        await session.execute(text("update jobs set skill_name = 'gone' where id = :id"), {"id": first})
    await lose_worker(database, me)
    job = await read_job(database, tenant, first)
    assert (job.status, job.error_code) == ("failed", "skill_not_found")
    assert (await read_job(database, tenant, second)).status == "queued"
    await assert_ledger_is_consistent(database)


async def test_ended_job_cannot_be_cancelled(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    (job,) = await claim_jobs(database, await worker(database))
    await end_job(database, job)
    with pytest.raises(JobAlreadyEnded, match="already succeeded"):
        async with database.transaction() as session:
            await cancelling.cancel(session, tenant.principal, job_id)


async def test_missing_heartbeats_do_not_count_while_the_database_was_down(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant)
    worker_id = await worker(database)
    await claim_jobs(database, worker_id)
    async with database.transaction() as session:
        await session.execute(text("update workers set beat_at = now() - interval '1 minute'"))
    async with database.transaction() as session:
        assert (await sweep(session, are_heartbeats_known=False)).lost_workers == 0
    assert (await read_job(database, tenant, job_id)).status == "running"
    async with database.transaction() as session:
        await session.execute(text("update workers set beat_at = to_timestamp(0)"))
    async with database.transaction() as session:
        assert (await sweep(session, are_heartbeats_known=False)).lost_jobs == 1, (
            "the end of this one was observed"
        )


async def test_empty_wallet_rejects_submissions_and_holds_queued_jobs(database: Database) -> None:
    tenant = await create_tenant(database, credit_micros=0)
    with pytest.raises(PaymentRequired):
        await submit_jobs(database, tenant, prices=PRICED)
    async with database.transaction() as session:
        await ledger.top_up(session, project_id=tenant.project_id, amount_micros=100, created_by="test")
    (job_id,) = await submit_jobs(database, tenant, prices=PRICED)
    async with database.transaction() as session:
        await session.execute(text("update wallets set reserved_micros = balance_micros"))
    assert await claim_jobs(database, await worker(database)) == []
    assert (await read_job(database, tenant, job_id)).waiting_reason == "the wallet is empty"


async def test_jobs_that_cost_nothing_run_with_an_empty_wallet(database: Database) -> None:
    """They run before, between and after jobs that wait for credit, and the ends of all of them admit the next."""
    tenant = await create_tenant(database, credit_micros=500, concurrency_limit=2)
    await submit_jobs(database, tenant, prices=PRICED)
    me = await worker(database)
    (priced,) = await claim_jobs(database, me)
    assert priced.reserved_micros == 500
    waiting = await submit_jobs(database, tenant, 3, prices=PRICED)
    free = await submit_jobs(database, tenant, 3)
    (later,) = await submit_jobs(database, tenant, run_at=(now() + timedelta(days=1)).isoformat())
    assert (await read_job(database, tenant, free[1])).waiting_reason == (
        "for the concurrency limit of the project (2/2)"
    )
    claimed = await claim_jobs(database, me)
    assert [job.job_id for job in claimed] == free[:1]
    async with database.transaction() as session:  # the bill of the first job uses up the wallet
        used = (ledger.LineItem("compute", {"seconds": 5.0}, 0, 500),)
        assert await finish(session, priced, AttemptResult("succeeded", result={}, used=used))
    claimed += await claim_jobs(database, me)
    assert [job.job_id for job in claimed] == free[:2]
    for job in claimed:
        assert await end_job(database, job)
    (last,) = await claim_jobs(database, me)
    assert last.job_id == free[2]
    (added,) = await submit_jobs(database, tenant)
    assert [job.job_id for job in await claim_jobs(database, me)] == [added]
    async with database.transaction() as session:
        await session.execute(text("update job_queue set not_before = now() - interval '1 s' where is_later"))
    assert await end_job(database, last)
    async with database.transaction() as session:
        await sweep(session)
    assert [job.job_id for job in await claim_jobs(database, me)] == [later]
    reasons = {(await read_job(database, tenant, job_id)).waiting_reason for job_id in waiting}
    assert reasons == {"the wallet is empty"}
    await assert_ledger_is_consistent(database)


async def test_delayed_job_waits_until_its_time(database: Database) -> None:
    tenant = await create_tenant(database)
    later = now() + timedelta(days=300)
    (job_id,) = await submit_jobs(database, tenant, run_at=later.isoformat())
    assert await claim_jobs(database, await worker(database)) == []
    assert (
        await read_job(database, tenant, job_id)
    ).waiting_reason == f"not before {later:%Y-%m-%d %H:%M:%S} UTC"
    async with database.transaction() as session:
        await session.execute(text("update job_queue set not_before = now() - interval '1 s'"))
    async with database.transaction() as session:
        await sweep(session)
    assert len(await claim_jobs(database, await worker(database))) == 1


async def test_priced_job_reserves_its_cap_and_pays_its_usage(database: Database) -> None:
    tenant = await create_tenant(database, credit_micros=1_000)
    prices = PriceList(compute_micros_per_second=100, job_timeout_s=5)
    (job_id,) = await submit_jobs(database, tenant, prices=prices)
    (job,) = await claim_jobs(database, await worker(database))
    assert job.reserved_micros == 500
    async with database.transaction() as session:
        used = (ledger.LineItem("compute", {"seconds": 2}, 200_000, 200),)
        assert await finish(session, job, AttemptResult("succeeded", result={}, used=used))
    assert (await read_job(database, tenant, job_id)).cost_micros == 200
    await assert_ledger_is_consistent(database)


async def test_failed_job_costs_nothing(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(
        database, tenant, prices=PriceList(compute_micros_per_second=100, job_timeout_s=5)
    )
    (job,) = await claim_jobs(database, await worker(database))
    async with database.transaction() as session:
        used = (ledger.LineItem("compute", {"seconds": 2}, 200_000, 200),)
        await finish(session, job, AttemptResult("failed", error="no", error_code="exception", used=used))
    assert (await read_job(database, tenant, job_id)).cost_micros == 0
    await assert_ledger_is_consistent(database)


async def test_replay_uses_the_same_deployment_after_another_activation(database: Database) -> None:
    tenant = await create_tenant(database)
    (job_id,) = await submit_jobs(database, tenant, inputs={"n": 1})
    async with database.transaction() as session:
        await session.execute(text("update skillpacks set active_deployment_id = null"))
    async with database.transaction() as session:
        again = await replay(session, tenant.principal, job_id, version=None, prices=PriceList())
    job = await read_job(database, tenant, again.job_id)
    assert (job.deployment_id, job.inputs, job.replay_of) == (tenant.deployment_id, {"n": 1}, job_id)


async def test_invalid_inputs_are_rejected_with_all_problems(database: Database) -> None:
    schema = {"type": "object", "properties": {"width": {"type": "integer"}}, "required": ["width"]}
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill(input_schema=schema))
    with pytest.raises(Invalid) as rejected:
        await submit_jobs(database, tenant, inputs={"widht": "x"})
    assert len(rejected.value.problems) == 2
    async with database.transaction() as session:
        assert await queries.list_jobs(session, tenant.principal, filters=JobFilter(), limit=10) == []


async def test_unknown_skill_error_suggests_the_nearest_name(database: Database) -> None:
    tenant = await create_tenant(database)
    with pytest.raises(Missing, match="Did you mean 'echo'"):
        await submit_jobs(database, tenant, skill="ecko")


async def test_key_runs_only_the_skills_on_its_list(database: Database) -> None:
    tenant = await create_tenant(database)
    narrow = replaced(tenant.principal, skill_allowlist=frozenset({"other"}))
    with pytest.raises(NotAllowed, match="may not run"):
        await submit_jobs(database, replaced(tenant, principal=narrow))


async def test_jobs_of_another_project_are_not_found(database: Database) -> None:
    mine, other = await create_tenant(database), await create_tenant(database)
    (job_id,) = await submit_jobs(database, other)
    with pytest.raises(JobNotFound):
        await read_job(database, mine, job_id)
    with pytest.raises(JobNotFound):
        async with database.transaction() as session:
            await cancelling.cancel(session, mine.principal, job_id)
    with pytest.raises(JobNotFound):
        async with database.transaction() as session:
            await list_events(session, mine.principal, job_id)


async def test_lane_is_rejected_until_the_operator_grants_it(database: Database) -> None:
    tenant = await create_tenant(database)
    with pytest.raises(NotAllowed, match="may not use the lane 'gpu'"):
        await submit_jobs(database, tenant, lane="gpu")
    async with database.transaction() as session:
        await lanes.grant(session, tenant.project_id, "gpu")
    (job_id,) = await submit_jobs(database, tenant, lane="gpu")
    assert (await read_job(database, tenant, job_id)).waiting_reason == "no worker in lane gpu"
    async with database.transaction() as session:
        await lanes.revoke(session, tenant.project_id, "gpu")
    with pytest.raises(NotAllowed):
        await submit_jobs(database, tenant, lane="gpu")


async def test_model_for_a_function_is_rejected(database: Database) -> None:
    tenant = await create_tenant(database)
    with pytest.raises(Invalid, match="is only for agents"):
        await submit_jobs(database, tenant, model="claude/opus-4-8")
