"""A reservation uses the current balance of the wallet, also after a wait for other transactions."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.money.ledger import audit
from backend.money.ledger.service import LineItem
from backend.money.pricing import PriceList
from tests.factories.tenants import Tenant, make_job, make_tenant
from tests.integration.jobs.test_queue import worker
from tests.integration.ledger.test_budgets import admit_without_credit_check

CAP_MICROS = 70
PRICES = PriceList(compute_micros_per_second=7, job_timeout_s=10, forgiven_micros=0)
DEADLINE_S = 10
_IS_BLOCKED = text(
    "select exists (select from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0)"
)


@pytest.mark.parametrize("paid", [10, CAP_MICROS])
async def test_claim_that_waits_for_a_finish_reserves_the_remaining_balance(
    database: Database, paid: int
) -> None:
    """Balance and reservations decrease while the claim waits: from 100 with 70 reserved to 90 with 0."""
    tenant, worker_id = await tenant_with_credit(database, 100), await worker(database)
    first, second = [await submit_job(database, tenant) for _ in range(2)]
    await admit_without_credit_check(database, tenant.project_id)
    (running,) = await claim_jobs(database, worker_id, limit=1)
    assert (running.job_id, running.reserved_micros) == (first, CAP_MICROS)
    async with database.transaction() as ending:
        assert await finish(ending, running, AttemptResult("succeeded", result={}, used=(line_item(paid),)))
        claiming = asyncio.create_task(claim_jobs(database, worker_id, limit=1))
        await until_blocked(database)
    (late,) = await claiming
    assert (late.job_id, late.reserved_micros) == (second, min(CAP_MICROS, 100 - paid))


async def test_concurrent_claims_and_finishes_of_one_wallet_are_consistent(database: Database) -> None:
    """Eight workers share a wallet that can pay for a few jobs at a time; the test computes its balance."""
    numbers = random.Random(20_261_128)
    tenant, worker_id = await tenant_with_credit(database, 600), await worker(database)
    jobs = {await submit_job(database, tenant) for _ in range(60)}
    paid: list[int] = []

    async def work() -> None:
        idle = 0
        while idle < 5:
            found = await claim_jobs(database, worker_id, limit=2)
            idle = 0 if found else idle + 1
            for job in found:
                await asyncio.sleep(numbers.random() / 200)
                cost = min(job.reserved_micros, numbers.randint(0, 20))
                used = (line_item(cost),) if cost else ()
                async with database.single() as session:
                    assert await finish(session, job, AttemptResult("succeeded", result={}, used=used))
                paid.append(cost)
                jobs.discard(job.job_id)
            if not found:
                await asyncio.sleep(0.02)

    async with asyncio.timeout(6 * DEADLINE_S):
        await asyncio.gather(*(work() for _ in range(8)))
    async with database.transaction() as session:
        assert await audit.check_ledger(session) == []
        wallet = (await session.execute(text("select balance_micros, reserved_micros from wallets"))).one()
    assert (wallet.balance_micros, wallet.reserved_micros) == (600 - sum(paid), 0)
    assert not jobs or wallet.balance_micros == 0


async def tenant_with_credit(database: Database, credit_micros: int) -> Tenant:
    """Create a project with the given credit."""
    async with database.transaction() as session:
        return await make_tenant(session, credit_micros=credit_micros)


async def submit_job(database: Database, tenant: Tenant) -> UUID:
    """Submit a job with the cap `CAP_MICROS`."""
    async with database.transaction() as session:
        return await make_job(session, tenant, prices=PRICES)


async def claim_jobs(database: Database, worker_id: UUID, *, limit: int) -> list[JobAttempt]:
    """Claim jobs as a worker does."""
    async with database.single() as session:
        return await claim(session, worker_id=worker_id, lane="default", limit=limit)


def line_item(micros: int) -> LineItem:
    """Return a line item with the given price."""
    return LineItem("compute", {"seconds": 1}, micros, micros)


async def until_blocked(database: Database) -> None:
    """Wait until a statement waits for another transaction."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            async with database.transaction() as session:
                if (await session.execute(_IS_BLOCKED)).scalar_one():
                    return
            await asyncio.sleep(0.01)
