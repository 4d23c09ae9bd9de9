"""What comes from outside while an attempt's own end is being stored comes too late."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.db import Database
from backend.instance import Instance
from backend.jobs.claim import claim
from backend.jobs.tables import Job
from tests.factories.tenants import make_job, make_tenant
from workers.attempt import Attempt, EndedBy

PATIENCE_S = 20


@pytest.mark.parametrize("by", [EndedBy.CANCEL, EndedBy.DRAIN])
async def test_an_end_that_is_being_stored_is_stored(
    database: Database, instance: Instance, by: EndedBy
) -> None:
    async with database.transaction() as session:
        job_id = await make_job(session, await make_tenant(session))
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", most=1)
    attempt = Attempt(instance, {}, claimed)
    async with database.transaction() as holder:
        await holder.execute(text("select 1 from jobs where id = :id for update"), {"id": job_id})
        attempt.task = asyncio.create_task(attempt.run())
        await somebody_waits_for_the_row(database)
        attempt.end(by)
    async with asyncio.timeout(PATIENCE_S):
        await attempt.task
    async with database.transaction() as session:
        job = await session.get_one(Job, job_id)
        assert (job.status, job.error_code) == ("failed", "bundle_not_found"), "no storage has its bundle"


async def somebody_waits_for_the_row(database: Database) -> None:
    waiting = text("select exists (select from pg_locks where not granted)")
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reading() as session:
                if (await session.execute(waiting)).scalar_one():
                    return
