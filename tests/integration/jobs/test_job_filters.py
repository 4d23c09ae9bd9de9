"""Filters of a list of jobs, and the statistics of recent jobs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from backend.core import ids
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.auth.conftest import client

__all__ = ["client"]

_AS = text("""
update jobs set status = :status, started_at = :at, finished_at = cast(:at as timestamptz) + cast(:took as interval),
                created_at = :at, cost_micros = :cost, api_key_id = cast(:key as uuid)
where id = :id
""")


class Known(NamedTuple):
    """Three ended jobs of a project, with the key of two of them."""

    headers: dict[str, str]
    key: UUID
    quick: UUID
    slow: UUID
    old: UUID


@pytest.fixture
async def known(database: Database) -> Known:
    """Return a quick job that succeeded, a slow and expensive one that failed, and one from two days ago."""
    moment = now()
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        created = await keys.create(session, None, project_id=tenant.principal.project_id, limits=Limits())
        jobs = [await make_job(session, tenant) for _ in range(3)]
        rows = (
            ("succeeded", moment - timedelta(minutes=1), timedelta(seconds=1), 10, created.key.id),
            ("failed", moment - timedelta(minutes=2), timedelta(seconds=90), 50_000, None),
            ("succeeded", moment - timedelta(days=2), timedelta(seconds=1), 70, None),
        )
        for job_id, (status, at, duration_s, cost, key) in zip(jobs, rows, strict=True):
            values = {"id": job_id, "status": status, "at": at, "took": duration_s, "cost": cost, "key": key}
            await session.execute(_AS, values)
    return Known({"Authorization": f"Bearer {created.plaintext}"}, created.key.id, *jobs)


async def found(client: httpx.AsyncClient, known: Known, **filters: Any) -> list[UUID]:
    response = await client.get("/v1/jobs", params=filters, headers=known.headers)
    assert response.status_code == 200, response.text
    return [UUID(job["id"]) for job in response.json()]


async def test_list_is_filtered_by_duration_cost_key_and_time(
    client: httpx.AsyncClient, known: Known
) -> None:
    assert await found(client, known) == [known.quick, known.slow, known.old]
    assert await found(client, known, min_seconds=60) == [known.slow]
    assert await found(client, known, min_cost_usd=0.01) == [known.slow]
    assert await found(client, known, key=str(known.key)) == [known.quick]
    yesterday = (now() - timedelta(days=1)).isoformat()
    assert await found(client, known, since=yesterday) == [known.quick, known.slow]
    assert await found(client, known, until=yesterday) == [known.old]


async def test_search_finds_a_job_by_its_id_and_by_its_last_characters(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        created = await keys.create(session, None, project_id=tenant.principal.project_id, limits=Limits())
        specs = [
            JobSpec(JobCreate(skill="echo")),
            # of the same minute, as UUIDs of version 7
            JobSpec(JobCreate(skill="echo"), job_id=UUID("01920000-0000-7000-8000-0000deadbeef")),
            JobSpec(JobCreate(skill="echo"), job_id=UUID("01920000-0000-7000-8000-0000cafe0001")),
        ]
        jobs = [(await submit(session, tenant.principal, spec)).job_id for spec in specs]
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    for job_id in jobs:
        for typed in (str(job_id), ids.short(job_id), ids.short(job_id).upper()):
            response = await client.get("/v1/jobs", params={"q": typed}, headers=headers)
            assert [one["id"] for one in response.json()] == [str(job_id)], typed


@pytest.mark.parametrize(
    "filters", [{"min_seconds": -1}, {"min_cost_usd": "inf"}, {"key": "mine"}, {"min_seconds": "nan"}]
)
async def test_invalid_filters_are_rejected(
    client: httpx.AsyncClient, known: Known, filters: dict[str, Any]
) -> None:
    response = await client.get("/v1/jobs", params=filters, headers=known.headers)
    assert response.status_code == 422


async def test_statistics_of_the_last_day_are_in_intervals(client: httpx.AsyncClient, known: Known) -> None:
    response = await client.get("/v1/jobs/activity", headers=known.headers)
    bars = response.json()
    assert len(bars) == 48
    assert [bar["starts_at"] for bar in bars] == sorted(bar["starts_at"] for bar in bars)
    assert sum(bar["jobs"] for bar in bars) == 2
    assert sum(bar["failed"] for bar in bars) == 1
    assert sum(bar["cost_micros"] for bar in bars) == 50_010
    week = await client.get("/v1/jobs/activity", params={"hours": 72, "bars": 3}, headers=known.headers)
    assert [bar["jobs"] for bar in week.json()] in ([0, 1, 2], [1, 0, 2], [0, 2, 1], [1, 1, 1])


async def test_jobs_of_other_projects_are_not_counted(
    client: httpx.AsyncClient, known: Known, database: Database
) -> None:
    async with database.transaction() as session:
        other_tenant = await make_tenant(session, make_skill())
        secret = await keys.create(
            session, None, project_id=other_tenant.principal.project_id, limits=Limits()
        )
        public = await keys.create(
            session, None, project_id=other_tenant.principal.project_id, kind="publishable"
        )
    theirs = {"Authorization": f"Bearer {secret.plaintext}"}
    assert sum(bar["jobs"] for bar in (await client.get("/v1/jobs/activity", headers=theirs)).json()) == 0
    headers = {"Authorization": f"Bearer {public.plaintext}"}
    assert (await client.get("/v1/jobs/activity", headers=headers)).status_code == 403
