"""What a job used is written down while it runs, and is paid when it ends: to the micro, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from sqlalchemy import text

from backend.db import Database
from backend.fleet import service as fleet
from backend.jobs.claim import Claimed, claim
from backend.jobs.requeue import requeue
from backend.ledger import service as ledger
from backend.ledger.pricing import PriceList
from backend.ledger.service import Used
from tests.factories.tenants import Tenant, make_job, make_tenant

PRICED = PriceList(compute_micros_per_second=100, job_timeout_s=10)
"""A job of it may cost 1,000 micros."""


def call(billed_micros: int, **over: object) -> Used:
    tokens = {"input_tokens": 10, "output_tokens": 2, "cache_write_tokens": 0, "cache_read_tokens": 90}
    values = {"kind": "model", "quantity": tokens, "provider": "anthropic", "model": "claude/test", **over}
    return Used(upstream_nanos=billed_micros * 800, billed_micros=billed_micros, **values)  # type: ignore[arg-type]


async def tenant_of(database: Database, **over: object) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, **over)  # type: ignore[arg-type]  # the factory checks them


async def running(database: Database, tenant: Tenant, count: int = 1, **request: object) -> list[Claimed]:
    worker_id = uuid4()
    async with database.transaction() as session:
        await fleet.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
        for _ in range(count):
            await make_job(session, tenant, prices=PRICED, **request)
    return await claimed(database, worker_id, count)


async def claimed(database: Database, worker_id: UUID, most: int = 1) -> list[Claimed]:
    async with database.transaction() as session:
        return await claim(session, worker_id=worker_id, lane="default", most=most)


async def noted(database: Database, job: Claimed, used: Sequence[Used]) -> ledger.Noted | None:
    async with database.single() as session:
        return await ledger.note_used(session, job, used)


async def test_calls_are_written_down_while_the_job_runs_and_say_what_is_left(database: Database) -> None:
    (job,) = await running(database, await tenant_of(database))
    assert await noted(database, job, [call(300), call(0, label="rehearsal", step=2)]) == (300, 700)
    assert await noted(database, job, [call(900)]) == (1_200, 0)
    async with database.transaction() as session:
        assert await ledger.charge_of_job(session, job) == (1_200, 0)


async def test_a_lost_attempt_can_write_nothing_down(database: Database) -> None:
    (job,) = await running(database, await tenant_of(database))
    async with database.transaction() as session:
        await requeue(session, job_id=job.job_id, attempt=job.attempt, reason="drain")
    assert await noted(database, job, [call(300)]) is None
    async with database.transaction() as session:
        assert await ledger.charge_of_job(session, job) is None
        assert (await session.execute(text("select count(*) from usage_events"))).scalar_one() == 0
