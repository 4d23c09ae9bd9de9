"""A job is claimed and cancelled concurrently: one of the two happens first, and neither fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from backend.administration.projects import deletion
from backend.core.db.engine import Database
from backend.execution.jobs import cancel as cancelling
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.cancel import cancel_all
from backend.execution.worker_registry import service as worker_registry
from tests.factories.tenants import Tenant, make_job, make_tenant

WITHIN_S = 20
WAITING = text("""
select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
""")

Cancel = Callable[[Database, Tenant, UUID], Awaitable[object]]


async def cancel_alone(database: Database, tenant: Tenant, job_id: UUID) -> None:
    async with database.transaction() as session:
        await cancelling.cancel(session, tenant.principal, job_id)


async def cancel_with_all_others(database: Database, tenant: Tenant, _job_id: UUID) -> None:
    async with database.transaction() as session:
        await cancel_all(session, tenant.project_id, actor="system")


@pytest.mark.parametrize("cancel", [cancel_alone, cancel_with_all_others])
async def test_claim_and_cancel_of_one_job_do_not_deadlock(database: Database, cancel: Cancel) -> None:
    worker_id = uuid4()
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])

    async def claimed() -> int:
        async with database.transaction() as session:
            return len(await claim(session, worker_id=worker_id, lane="default", limit=1))

    async with asyncio.timeout(WITHIN_S):
        async with database.transaction() as holder:
            # A lock on the job: both are under way before one of them continues.
            await holder.execute(text("select from jobs where id = :id for update"), {"id": job_id})
            cancels = asyncio.ensure_future(cancel(database, tenant, job_id))
            await _wait_until(database, lambda waiting: waiting == 1)
            claims = asyncio.create_task(claimed())
            await _wait_until(database, lambda waiting: waiting == 2 or claims.done())
        await cancels
        assert await claims == 0

    async with database.read_session() as session:
        assert await session.scalar(text("select status from jobs")) == "cancelled"
        assert await session.scalar(text("select a.admitted + a.parked from admissions a")) == 0


async def test_job_that_is_queued_again_during_its_cancellation_does_not_deadlock_with_its_claim(
    database: Database, database_url: str
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
        await session.execute(text("update jobs set status = 'waiting'"))
        await session.execute(text("delete from job_queue"))

    with psycopg.connect(database_url) as resuming, psycopg.connect(database_url) as claiming:
        async with asyncio.timeout(WITHIN_S):
            resuming.execute("select from jobs for update")
            cancels = asyncio.create_task(cancel_alone(database, tenant, job_id))
            await _wait_until(database, lambda waiting: waiting == 1)
            resuming.execute("update jobs set status = 'queued'")
            resuming.execute(
                "insert into job_queue (job_id, project_id, lane, priority, stamp, submitted_at) "
                "select id, project_id, lane, 0, 1, now() from jobs"
            )
            # The server gives the job to the cancellation, whose task cannot continue between these calls: the claim
            # locks the queue entry first.
            resuming.commit()
            claiming.execute("select from job_queue for update")
            await asyncio.to_thread(claiming.execute, "update jobs set attempt = attempt + 1")
            assert not cancels.done(), "the cancellation waits for the queue entry"
            claiming.commit()
            await cancels

    async with database.read_session() as session:
        assert (await session.execute(text("select status, attempt from jobs"))).one() == ("cancelled", 1)
        assert await session.scalar(text("select count(*) from job_queue")) == 0


async def test_project_is_deleted_while_one_of_its_jobs_ends(database: Database) -> None:
    worker_id = uuid4()
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        await make_job(session, tenant)
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
        (running,) = await claim(session, worker_id=worker_id, lane="default", limit=1)
        queued = await make_job(session, tenant)

    async def deleted() -> int:
        async with database.transaction() as session:
            return (await deletion.delete(session, tenant.principal)).cancelled_jobs

    async def finished() -> bool:
        async with database.transaction() as session:
            return await finish(session, running, AttemptResult("succeeded", result={}))

    async with asyncio.timeout(WITHIN_S):
        async with database.transaction() as holder:
            # A lock on a queue row: the deletion is under way, and holds its first locks, when the job ends.
            await holder.execute(text("select from job_queue where job_id = :id for update"), {"id": queued})
            deletes = asyncio.create_task(deleted())
            await _wait_until(database, lambda waiting: waiting == 1)
            ends = asyncio.create_task(finished())
            await _wait_until(database, lambda waiting: waiting == 2 or ends.done())
        assert await deletes == 1
        assert await ends

    async with database.read_session() as session:
        states = "select array_agg(status order by created_at) from jobs"
        assert await session.scalar(text(states)) == ["succeeded", "cancelled"]
        assert await session.scalar(text("select a.admitted + a.parked from admissions a")) == 0


async def test_job_is_submitted_and_cancelled_while_its_project_is_deleted(database: Database) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        first = await make_job(session, tenant)

    async def deleted() -> int:
        async with database.transaction() as session:
            return (await deletion.delete(session, tenant.principal)).cancelled_jobs

    async with asyncio.timeout(WITHIN_S):
        async with database.transaction() as window_holder:
            async with database.transaction() as queue_row_holder:
                await queue_row_holder.execute(
                    text("select from job_queue where job_id = :id for update"), {"id": first}
                )
                deletes = asyncio.create_task(deleted())
                await _wait_until(database, lambda waiting: waiting == 1)
                async with database.transaction() as session:
                    second = await make_job(session, tenant)
                    await make_job(session, tenant)
                await window_holder.execute(text("select from admissions for update"))
            await _wait_until(database, lambda waiting: waiting == 1)  # the deletion waits for the window
            cancels = asyncio.ensure_future(cancel_alone(database, tenant, second))
            await _wait_until(database, lambda waiting: waiting == 2)
        await cancels
        assert await deletes == 2

    async with database.read_session() as session:
        assert await session.scalar(text("select count(*) from jobs where status = 'cancelled'")) == 3
        assert await session.scalar(text("select a.admitted + a.parked from admissions a")) == 0


async def _wait_until(database: Database, condition: Callable[[int], bool]) -> None:
    while True:
        async with database.read_session() as session:
            if condition(await session.scalar(WAITING)):
                return
