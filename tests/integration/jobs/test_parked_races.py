"""A place in the window that comes free while a submit finds it taken: nobody waits for the sweeper."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.worker_registry import service as fleet
from tests.factories.tenants import Tenant, make_job, make_tenant

WAITS = text("""
select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')
""")


async def full_window(database: Database) -> tuple[Tenant, JobAttempt]:
    """A project of whose window one running job takes all."""
    worker_id = uuid4()
    async with database.transaction() as session:
        tenant = await make_tenant(session, concurrency_limit=1)
        await make_job(session, tenant)
        await fleet.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    async with database.transaction() as session:
        (running,) = await claim(session, worker_id=worker_id, lane="default", limit=1)
    return tenant, running


async def end(database: Database, running: JobAttempt, *, is_single: bool) -> None:
    async with database.single() if is_single else database.transaction() as session:
        assert await finish(session, running, AttemptResult("succeeded", result={}))


async def is_ready(database: Database, job_id: object) -> bool:
    query = text("select stamp is not null from job_queue where job_id = :job_id")
    async with database.read_session() as session:
        ready: bool = await session.scalar(query, {"job_id": job_id})
    return ready


@pytest.mark.parametrize("is_single", [True, False], ids=["one statement", "one transaction"])
async def test_a_job_parked_while_the_last_place_comes_free_is_admitted_at_once(
    database: Database, is_single: bool
) -> None:
    tenant, running = await full_window(database)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, database.transaction() as session:
        job_id = await make_job(session, tenant)  # it has found the window full, and has not committed
        tasks.create_task(end(database, running, is_single=is_single))
        while True:
            async with database.read_session() as looking:
                if await looking.scalar(WAITS):
                    break  # the end has begun without seeing the job, and waits for the window
    assert await is_ready(database, job_id)


async def test_a_submit_that_waits_for_the_place_which_comes_free_gets_it(database: Database) -> None:
    tenant, running = await full_window(database)
    submitting: asyncio.Task[object]

    async def submit() -> object:
        async with database.transaction() as session:
            return await make_job(session, tenant)

    async with asyncio.timeout(20):
        async with database.transaction() as session:
            assert await finish(session, running, AttemptResult("succeeded", result={}))
            submitting = asyncio.create_task(submit())
            while True:
                async with database.read_session() as looking:
                    if await looking.scalar(WAITS):
                        break  # the submit waits for the end, whose place it does not see yet
        assert await is_ready(database, await submitting)
