"""The ready job with the lowest stamp is claimed next, regardless of when and how it became ready."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.money.admission import admit_everywhere
from backend.money.pricing import PriceList
from tests.factories.tenants import Tenant, make_job, make_tenant
from tests.integration.jobs.test_queue import worker
from workers.supervisor import Supervisor

DEADLINE_S = 20
FREE = PriceList()
PAID = PriceList(compute_micros_per_second=1, job_timeout_s=10, forgiven_micros=0)
QUEUE_LENGTH = 60

_ENDED = text("select count(*) from jobs where finished_at is not null")
_BEFORE = text("""
select count(*) from jobs j, jobs quiet
where quiet.id = :id and j.started_at between :since and quiet.started_at and j.id <> quiet.id
""")
_WITHOUT_MONEY = text("update wallets set reserved_micros = balance_micros where project_id = :id")
_WITH_MONEY = text(
    "update wallets set reserved_micros = 0 where project_id = :id returning clock_timestamp()"
)
_MAY_COST = text("update job_queue set cap_micros = 1 where job_id = :id")
"""Let a job wait for credit without a reservation, which would not be consistent with the amounts above."""
_READY = text("""
select q.stamp from job_queue q join wallets w on w.project_id = q.project_id
where q.stamp is not null and (q.cap_micros = 0 or w.balance_micros > w.reserved_micros) order by q.stamp limit :most
""")


async def test_job_with_new_credit_runs_before_a_long_queue_of_others(
    database: Database, instance: AppContext
) -> None:
    async with database.transaction() as session:
        quiet, queued = (
            await make_tenant(session),
            await make_tenant(session, concurrency_limit=2 * QUEUE_LENGTH),
        )
        waiting = await make_job(session, quiet, prices=PAID)
        for _ in range(QUEUE_LENGTH):
            await make_job(session, queued)
        await session.execute(_WITHOUT_MONEY, {"id": quiet.project_id})
    supervisor = Supervisor(instance, {}, lanes=["default"], capacity=1)
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=1))
    try:
        await wait_until_ended(database, QUEUE_LENGTH // 6)
        async with database.transaction() as session:
            paid = (await session.execute(_WITH_MONEY, {"id": quiet.project_id})).scalar_one()
        await wait_until_ended(database, QUEUE_LENGTH + 1)
    finally:
        supervisor.stop()
        await running
    async with database.transaction() as session:
        before = (await session.execute(_BEFORE, {"id": waiting, "since": paid})).scalar_one()
    assert before <= 3, "the job that was claimed at that time, and those until the payment was committed"


async def wait_until_ended(database: Database, count: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with database.transaction() as session:
                if (await session.execute(_ENDED)).scalar_one() >= count:
                    return
            await asyncio.sleep(0.01)


async def test_claim_takes_the_lowest_stamps_of_affordable_jobs(database: Database) -> None:
    """Three projects submit, run out of money, get credit and finish in random order; each step checks the queue."""
    numbers = random.Random(20_261_128)
    async with database.transaction() as session:
        tenants = [await make_tenant(session, concurrency_limit=limit) for limit in (2, 5, 50)]
    worker_id = await worker(database)
    running: list[JobAttempt] = []
    taken: list[JobAttempt] = []
    for _ in range(400):
        action = numbers.choice(["submit", "submit", "claim", "finish", "money"])
        tenant = numbers.choice(tenants)
        async with database.transaction() as session:
            if action == "submit":
                for _ in range(numbers.randint(1, 3)):
                    job_id = await make_job(session, tenant)
                    if numbers.random() < 0.7:
                        await session.execute(_MAY_COST, {"id": job_id})
            elif action == "claim":
                most = numbers.randint(1, 8)
                expected = (await session.execute(_READY, {"most": most})).scalars().all()
                claimed = await claim(session, worker_id=worker_id, lane="default", limit=most)
                assert [job.stamp for job in claimed] == expected
                running += claimed
                taken += claimed
            elif action == "finish" and running:
                job = running.pop(numbers.randrange(len(running)))
                assert await finish(session, job, AttemptResult("succeeded", result={}))
            elif action == "money":
                statement = numbers.choice([_WITHOUT_MONEY, _WITH_MONEY])
                await session.execute(statement, {"id": tenant.project_id})
    assert len(taken) > 50
    await claim_every_job(database, tenants, worker_id, running)


async def test_free_and_priced_jobs_are_claimed_in_one_order(database: Database) -> None:
    """A claim starts both kinds, the lowest stamps first, and reserves money for those that may have a cost."""
    numbers = random.Random(20_261_128)
    async with database.transaction() as session:
        tenants = [await make_tenant(session, concurrency_limit=20, credit_micros=10_000) for _ in range(2)]
    worker_id = await worker(database)
    batches: list[list[JobAttempt]] = []
    for _ in range(60):
        for _ in range(numbers.randint(1, 6)):
            async with database.transaction() as session:
                await make_job(session, numbers.choice(tenants), prices=numbers.choice([FREE, PAID]))
        most = numbers.randint(1, 8)
        async with database.transaction() as session:
            expected = (await session.execute(_READY, {"most": most})).scalars().all()
        async with database.single() as session:
            batches.append(await claim(session, worker_id=worker_id, lane="default", limit=most))
        assert [job.stamp for job in batches[-1]] == expected
        assert all(job.reserved_micros == job.cap_micros for job in batches[-1])
        for job in batches[-1]:
            async with database.transaction() as session:
                assert await finish(session, job, AttemptResult("succeeded", result={}))
    assert any(len({job.cap_micros for job in batch}) == 2 for batch in batches)
    await claim_every_job(database, tenants, worker_id, [])


async def claim_every_job(
    database: Database, tenants: list[Tenant], worker_id: UUID, running: list[JobAttempt]
) -> None:
    """Add money and sweep until every remaining job is claimed and ended."""
    async with database.transaction() as session:
        for tenant in tenants:
            await session.execute(_WITH_MONEY, {"id": tenant.project_id})
        await admit_everywhere(session)
        running = [*running, *await claim(session, worker_id=worker_id, lane="default", limit=8)]
    while running:
        for job in running:
            async with database.transaction() as session:
                assert await finish(session, job, AttemptResult("succeeded", result={}))
        async with database.transaction() as session:
            running = await claim(session, worker_id=worker_id, lane="default", limit=8)
    async with database.transaction() as session:
        left = (
            await session.execute(text("select count(*) from jobs where status <> 'succeeded'"))
        ).scalar_one()
    assert left == 0
