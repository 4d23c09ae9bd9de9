"""The usage of a job is recorded while it runs, and is charged exactly when it ends."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs import cancel as cancelling
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.jobs.attempts.requeue import requeue
from backend.money.ledger import service as ledger
from backend.usage import queries
from backend.usage.schemas import Receipt
from tests.factories.tenants import Tenant
from tests.integration.ledger.money import (
    call,
    ended,
    paid,
    record_calls,
    running,
    started,
    submitted,
    tenant_of,
)


async def requeue_job(database: Database, job: JobAttempt) -> None:
    async with database.transaction() as session:
        assert await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="drain")


async def receipt_of(database: Database, tenant: Tenant, job: JobAttempt) -> Receipt:
    async with database.transaction() as session:
        return await queries.receipt(session, tenant.principal, job.job_id)


async def test_calls_are_recorded_during_the_job_with_the_remaining_amount(database: Database) -> None:
    job = await running(database, await tenant_of(database))
    assert await record_calls(database, job, call(300), call(0, label="rehearsal", step=2)) == (300, 700)
    assert await record_calls(database, job, call(900)) == (1_200, 0)
    async with database.transaction() as session:
        assert await ledger.job_spending(session, job) == (1_200, 0)


async def test_lost_attempt_cannot_record_usage(database: Database) -> None:
    job = await running(database, await tenant_of(database))
    await requeue_job(database, job)
    assert await record_calls(database, job, call(300)) is None
    assert not await ended(database, job, "succeeded", [call(300)])
    async with database.transaction() as session:
        assert await ledger.job_spending(session, job) is None
        assert (await session.execute(text("select count(*) from usage_events"))).scalar_one() == 0


async def test_receipt_has_a_line_item_for_each_call_of_every_attempt(database: Database) -> None:
    tenant = await tenant_of(database)
    first = await running(database, tenant)
    await record_calls(database, first, call(300, step=1), call(0, label="recording", step=2))
    await requeue_job(database, first)
    (second,) = await started(database)
    await record_calls(database, second, call(250, kind="media", model="fal/flux", quantity={"images": 1}))
    seconds = call(7, kind="compute", model="", provider="", quantity={"seconds": 0.07})
    assert await ended(database, second, "succeeded", [seconds])

    receipt = await receipt_of(database, tenant, second)
    assert [(one.kind, one.attempt, one.step, one.label, one.billed_micros) for one in receipt.lines] == [
        ("model", 1, 1, "", 300),
        ("model", 1, 2, "recording", 0),
        ("media", 2, None, "", 250),
        ("compute", 2, None, "", 7),
    ]
    assert (receipt.used_micros, receipt.cost_micros, receipt.over_cap_micros) == (557, 557, 0)
    assert receipt.lines[0].quantity["cache_read_tokens"] == 90
    assert receipt.lines[0].upstream_nanos == 240_000
    assert receipt.notes == []
    assert await paid(database, second.job_id) == (557, 557, 0)


async def test_cost_above_the_reservation_is_not_charged_as_the_receipt_shows(
    database: Database,
) -> None:
    tenant = await tenant_of(database)
    job = await running(database, tenant)
    await record_calls(database, job, call(800))
    assert await ended(database, job, "succeeded", [call(700), call(100)])
    receipt = await receipt_of(database, tenant, job)
    assert [one.charged_micros for one in receipt.lines] == [800, 200, 0]
    assert (receipt.used_micros, receipt.cost_micros, receipt.over_cap_micros) == (1_600, 1_000, 600)
    assert "exceeded the reservation" in receipt.notes[0]
    assert await paid(database, job.job_id) == (1_600, 1_000, 0)


async def test_failed_job_is_forgiven_up_to_the_daily_amount(database: Database) -> None:
    tenant = await tenant_of(database)
    first, second = await running(database, tenant), await running(database, tenant)
    assert await ended(database, first, "failed", [call(400)])
    assert await ended(database, second, "cancelled", [call(150), call(150)])
    assert await paid(database, first.job_id) == (400, 0, 400)
    assert await paid(database, second.job_id) == (300, 200, 100)
    receipt = await receipt_of(database, tenant, second)
    assert [one.charged_micros for one in receipt.lines] == [150, 50]
    assert (receipt.cost_micros, receipt.forgiven_micros, receipt.over_cap_micros) == (200, 100, 0)
    assert "forgiven" in receipt.notes[0]


async def test_daily_forgiven_amount_is_exact_for_concurrent_failures(database: Database) -> None:
    tenant = await tenant_of(database)
    for _ in range(8):
        await submitted(database, tenant)
    jobs = await started(database, limit=8)
    assert all(await asyncio.gather(*(ended(database, job, "failed", [call(90)]) for job in jobs)))
    bills = [await paid(database, job.job_id) for job in jobs]
    assert sum(forgiven for _, _, forgiven in bills) == 500
    assert sum(cost for _, cost, _ in bills) == 8 * 90 - 500


async def test_requeued_job_that_is_cancelled_pays_for_its_usage(
    database: Database,
) -> None:
    tenant = await tenant_of(database, credit_micros=900)
    job = await running(database, tenant)
    await record_calls(database, job, call(800))
    await requeue_job(database, job)
    async with database.transaction() as session:
        await cancelling.cancel(session, tenant.principal, job.job_id)
    assert await paid(database, job.job_id) == (800, 300, 500)


async def test_concurrent_ends_requeues_and_top_ups_do_not_conflict(
    database: Database,
) -> None:
    tenant = await tenant_of(database)
    for _ in range(8):
        await submitted(database, tenant)
    jobs = await started(database, limit=8)

    async def topped_up() -> None:
        async with database.transaction() as session:
            await ledger.top_up(session, project_id=tenant.project_id, amount_micros=1, created_by="test")

    await asyncio.gather(
        *(ended(database, job, "succeeded", [call(10)]) for job in jobs[:3]),
        *(requeue_job(database, job) for job in jobs[3:6]),
        *(ended(database, job, "failed", [call(10)]) for job in jobs[6:]),
        *(topped_up() for _ in range(4)),
        *(submitted(database, tenant) for _ in range(3)),
    )
    assert await paid(database, jobs[0].job_id) == (10, 10, 0)
