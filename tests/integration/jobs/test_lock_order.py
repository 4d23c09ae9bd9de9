"""Transactions lock several rows in one order (jobs, wallets, windows), so that they do not deadlock."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.attempts.recovery import recover_unreceived, sweep
from backend.money.pricing import PriceList
from tests.factories.tenants import make_job, make_tenant
from tests.integration.jobs.test_queue import worker
from tests.integration.ledger.test_reservation_races import until_blocked

PRICED = PriceList(compute_micros_per_second=7, job_timeout_s=10, forgiven_micros=0)
FREE = PriceList()
DEADLINE_S = 20
_HOLD_AS_AN_END = [
    text("select from jobs where id = :job_id for update"),
    text(
        "select from wallets where project_id = (select project_id from jobs where id = :job_id) for update"
    ),
]
_IS_GONE = text("update workers set beat_at = to_timestamp(0)")
_STARTED_LONG_AGO = text("update jobs set started_at = started_at - interval '1 minute'")


async def running_jobs(database: Database, worker_id: UUID) -> list[JobAttempt]:
    """Return a free job and a priced job, of one project and one worker."""
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        for prices in (FREE, PRICED):
            await make_job(session, tenant, prices=prices)
    async with database.transaction() as session:
        return await claim(session, worker_id=worker_id, lane="default", limit=8)


@pytest.mark.parametrize("by", ["another process", "the worker itself"])
async def test_jobs_are_requeued_while_one_of_them_ends(database: Database, by: str) -> None:
    """A worker whose lease expired stores the result of one job while its jobs are requeued."""
    worker_id = await worker(database)
    free, priced = await running_jobs(database, worker_id)
    async with database.transaction() as session:
        await session.execute(_IS_GONE if by == "another process" else _STARTED_LONG_AGO)

    async def requeue() -> None:
        async with database.transaction() as session:
            if by == "another process":
                await sweep(session)
            else:
                await recover_unreceived(session, worker_id, [])

    async with asyncio.timeout(DEADLINE_S):
        async with database.transaction() as ending:
            for statement in _HOLD_AS_AN_END:
                await ending.execute(statement, {"job_id": priced.job_id})
            requeuing = asyncio.create_task(requeue())
            await until_blocked(database)
            assert await finish(ending, priced, AttemptResult("succeeded", result={}))
        await requeuing
    async with database.transaction() as session:
        found = (await session.execute(text("select id, status from jobs"))).all()
    assert {row.id: row.status for row in found} == {free.job_id: "queued", priced.job_id: "succeeded"}
