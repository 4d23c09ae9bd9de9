"""A job that is claimed while it is cancelled: one of the two is first, and neither fails for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from backend.db import Database
from backend.fleet import service as fleet
from backend.jobs import cancel as cancelling
from backend.jobs.cancel_all import cancel_all
from backend.jobs.claim import claim
from tests.factories.tenants import Tenant, make_job, make_tenant

WITHIN_S = 20
WAITING = text("""
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
""")

Cancel = Callable[[Database, Tenant, UUID], Awaitable[object]]


async def alone(database: Database, tenant: Tenant, job_id: UUID) -> None:
    async with database.transaction() as session:
        await cancelling.cancel(session, tenant.principal, job_id)


async def with_all_others(database: Database, tenant: Tenant, _job_id: UUID) -> None:
    async with database.transaction() as session:
        await cancel_all(session, tenant.project_id, who="system")


@pytest.mark.parametrize("cancel", [alone, with_all_others])
async def test_a_claim_and_a_cancel_of_one_job_do_not_wait_for_each_other(
    database: Database, cancel: Cancel
) -> None:
    worker_id = uuid4()
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
        await fleet.join(session, worker_id, lanes=["default"], capacity=8, layers=[])

    async def claimed() -> int:
        async with database.transaction() as session:
            return len(await claim(session, worker_id=worker_id, lane="default", most=1))

    async with asyncio.timeout(WITHIN_S):
        async with database.transaction() as holder:
            # Of the job: so both are under way before one of them goes on.
            await holder.execute(text("select from jobs where id = :id for update"), {"id": job_id})
            cancels = asyncio.ensure_future(cancel(database, tenant, job_id))
            await _until(database, lambda waiting: waiting == 1)
            claims = asyncio.create_task(claimed())
            await _until(database, lambda waiting: waiting == 2 or claims.done())
        await cancels
        assert await claims == 0

    async with database.glance() as session:
        assert await session.scalar(text("select status from jobs")) == "cancelled"
        assert await session.scalar(text("select admitted + parked from admissions")) == 0


async def _until(database: Database, is_so: Callable[[int], bool]) -> None:
    while True:
        async with database.glance() as session:
            if is_so(await session.scalar(WAITING)):
                return
