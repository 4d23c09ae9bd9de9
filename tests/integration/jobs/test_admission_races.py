"""A slot of the window becomes free while a submission finds it taken: the job does not wait for the sweep."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.worker_registry import service as worker_registry
from tests.factories.tenants import Tenant, make_job, make_tenant

WAITS = text("""
select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')
""")


async def full_window(database: Database) -> tuple[Tenant, JobAttempt]:
    """Return a project with one running job that takes its whole window."""
    worker_id = uuid4()
    async with database.transaction() as session:
        tenant = await make_tenant(session, concurrency_limit=1)
        await make_job(session, tenant)
        await worker_registry.join(session, worker_id, lanes=["default"], capacity=8, layers=[])
    async with database.transaction() as session:
        (running,) = await claim(session, worker_id=worker_id, lane="default", limit=1)
    return tenant, running


async def end_job(database: Database, running: JobAttempt, *, is_single: bool) -> None:
    async with database.single() if is_single else database.transaction() as session:
        assert await finish(session, running, AttemptResult("succeeded", result={}))


async def is_ready(database: Database, job_id: object) -> bool:
    query = text("select stamp is not null from job_queue where job_id = :job_id")
    async with database.read_session() as session:
        ready: bool = await session.scalar(query, {"job_id": job_id})
    return ready


@pytest.mark.parametrize("is_single", [True, False], ids=["one statement", "one transaction"])
async def test_job_that_misses_a_free_slot_is_admitted_immediately(
    database: Database, is_single: bool
) -> None:
    tenant, running = await full_window(database)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks, database.transaction() as session:
        job_id = await make_job(session, tenant)  # it has found the window full, and has not committed
        tasks.create_task(end_job(database, running, is_single=is_single))
        while True:
            async with database.read_session() as waiter:
                if await waiter.scalar(WAITS):
                    break  # the end started without reading the job, and waits for the window
    assert await is_ready(database, job_id)


async def test_submission_that_waits_for_a_free_slot_gets_it(database: Database) -> None:
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
                async with database.read_session() as waiter:
                    if await waiter.scalar(WAITS):
                        break  # the submission waits for the end, whose slot it does not see yet
        assert await is_ready(database, await submitting)
