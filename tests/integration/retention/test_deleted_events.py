"""A job whose events were deleted reports this, and is not shown as a job without events."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import delete
from sqlmodel import col

from backend.core.db.engine import Database
from backend.execution.events.tables import JobEventRow
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from tests.factories.tenants import make_job, make_tenant


async def test_deleted_events_return_410_and_the_job_stays_readable(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
    headers = await world.key(_Named(tenant.project_id))
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
        await finish(session, claimed, AttemptResult("succeeded", result={"n": 1}), [])
    readings = ("events", "events?after=2", "spans", "stream")
    for reading in readings:
        assert (await client.get(f"/v1/jobs/{job_id}/{reading}", headers=headers)).status_code == 200

    async with database.transaction() as session:
        await session.execute(delete(JobEventRow).where(col(JobEventRow.job_id) == job_id))
    for reading in readings:
        response = await client.get(f"/v1/jobs/{job_id}/{reading}", headers=headers)
        assert (response.status_code, response.json()["code"]) == (410, "events_gone"), reading
    assert (await client.get(f"/v1/jobs/{job_id}/events?after=3", headers=headers)).json() == []
    assert (await client.get(f"/v1/jobs/{job_id}", headers=headers)).json()["result"] == {"n": 1}
    assert (await client.get(f"/v1/jobs/{job_id}/receipt", headers=headers)).json()["status"] == "succeeded"


class _Named:
    def __init__(self, project_id: object) -> None:
        self.id = project_id
