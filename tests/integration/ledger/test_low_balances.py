"""A wallet that can pay for a few jobs at a time: each job is claimed once, when credit is available."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy import text

from backend.context import AppContext
from backend.core.db.engine import Database
from backend.execution.jobs import queries
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.money.ledger import audit
from backend.money.ledger import service as ledger
from backend.money.pricing import PriceList
from tests.factories.tenants import make_job, make_tenant
from tests.integration.jobs.test_queue import worker
from tests.integration.ledger.test_reservation_races import (
    CAP_MICROS,
    claim_jobs,
    submit_job,
    tenant_with_credit,
    until_blocked,
)
from workers.supervisor import Supervisor

JOBS = 120
DEADLINE_S = 60
_UNFINISHED = text("select count(*) from jobs where finished_at is null")
_ATTEMPTS = text("""
select count(*) as jobs, sum(attempt) as attempts, (
  select count(*) from job_events where type = 'requeued' and payload->>'reason' = 'worker_lost'
) as lost
from jobs
""")
_READY = text("select count(*) from job_queue where stamp is not null")


@asynccontextmanager
async def working(instance: AppContext, workers: int) -> AsyncIterator[list[Supervisor]]:
    """Run workers that each have capacity for more jobs than the wallet can pay for."""
    supervisors = []
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            supervisor = Supervisor(instance, {}, lanes=["default"], capacity=16)
            await supervisor.join([])
            task = asyncio.create_task(supervisor.run(drain_s=1))
            stack.push_async_callback(_stop, supervisor, task)
            supervisors.append(supervisor)
        yield supervisors


async def _stop(supervisor: Supervisor, task: asyncio.Task[None]) -> None:
    supervisor.stop()
    await task


async def test_each_job_is_claimed_once_with_a_low_balance(database: Database, instance: AppContext) -> None:
    tenant = await tenant_with_credit(database, 3 * CAP_MICROS + 5)
    for _ in range(JOBS):
        await submit_job(database, tenant)
    async with working(instance, workers=3) as supervisors, asyncio.timeout(DEADLINE_S):
        while True:
            async with database.transaction() as session:
                if not (await session.execute(_UNFINISHED)).scalar_one():
                    break
            for supervisor in supervisors:
                supervisor.wake()  # as a wake-up message does
            await asyncio.sleep(0.02)
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []
        row = (await session.execute(_ATTEMPTS)).one()
        assert row.jobs == JOBS
        assert row.attempts - row.lost <= 1.05 * JOBS


async def test_number_of_ready_jobs_is_limited_by_the_wallet(database: Database) -> None:
    tenant = await tenant_with_credit(database, 2 * CAP_MICROS + CAP_MICROS // 2)
    worker_id = await worker(database)
    job_ids = [await submit_job(database, tenant) for _ in range(4)]
    assert await count_ready(database) == 2
    async with database.transaction() as session:
        shown = await queries.get_job(session, tenant.principal, job_ids[2])
    assert (
        shown.waiting_reason
        == "for credit: the rest of the wallet is reserved for jobs that run or are ready"
    )

    running = await claim_jobs(database, worker_id, limit=8)
    assert [job.reserved_micros for job in running] == [CAP_MICROS, CAP_MICROS]
    assert await count_ready(database) == 0

    async with database.transaction() as session:
        await ledger.top_up(
            session, project_id=tenant.project_id, amount_micros=CAP_MICROS, created_by="test"
        )
    assert await count_ready(database) == 1, "the remaining half and the new credit pay for one job"

    async with database.single() as session:
        assert await finish(session, running[0], AttemptResult("succeeded", result={}))
    assert await count_ready(database) == 2


async def test_amount_of_a_job_during_its_claim_is_not_available(database: Database) -> None:
    """The claim waits for the wallet: its job is not ready any more, and has no reservation yet."""
    tenant, worker_id = await tenant_with_credit(database, CAP_MICROS + 5), await worker(database)
    await submit_job(database, tenant)
    async with database.transaction() as holder:
        await holder.execute(text("select from wallets for update"))
        claiming = asyncio.create_task(claim_jobs(database, worker_id, limit=1))
        await until_blocked(database)
        second = await submit_job(database, tenant)
    (running,) = await claiming
    assert running.reserved_micros == CAP_MICROS
    async with database.transaction() as session:
        is_ready = text("select stamp is not null from job_queue where job_id = :id")
        assert not (await session.execute(is_ready, {"id": second})).scalar_one()


async def test_wallet_below_the_cap_runs_one_job_at_a_time(database: Database) -> None:
    tenant, worker_id = await tenant_with_credit(database, CAP_MICROS // 2), await worker(database)
    for _ in range(3):
        await submit_job(database, tenant)
    for _ in range(3):
        assert await count_ready(database) == 1
        (running,) = await claim_jobs(database, worker_id, limit=8)
        assert running.reserved_micros == CAP_MICROS // 2
        async with database.single() as session:
            assert await finish(session, running, AttemptResult("succeeded", result={}))


async def test_free_job_does_not_wait_for_the_wallet(database: Database) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session, credit_micros=CAP_MICROS + 1)
    await submit_job(database, tenant)
    async with database.transaction() as session:
        await make_job(session, tenant, prices=PriceList())
    assert await count_ready(database) == 2


async def count_ready(database: Database) -> int:
    """Return the number of jobs that are ready."""
    async with database.transaction() as session:
        return int((await session.execute(_READY)).scalar_one())
