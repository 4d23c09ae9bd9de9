"""Renamed error codes: rows of the previous release are read with the current codes."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.auth.conftest import World, client, world

__all__ = ["World", "client", "world"]


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("media_too_dear", "media_cost_exceeds_limit"),
        ("job_moved_on", "job_not_running"),
        ("worker_lost", "worker_lost"),
    ],
)
async def test_job_with_a_former_error_code_returns_the_current_one(
    client: httpx.AsyncClient, database: Database, stored: str, shown: str
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        job_id = await make_job(session, tenant)
        limits = Limits(scopes=("jobs:read",))
        key = await keys.create(session, None, project_id=tenant.principal.project_id, limits=limits)
        await session.execute(
            text("update jobs set error_code = :code where id = :id"), {"code": stored, "id": job_id}
        )
    headers = {"Authorization": f"Bearer {key.plaintext}"}

    job = (await client.get(f"/v1/jobs/{job_id}", headers=headers)).json()
    listed = (await client.get("/v1/jobs", headers=headers)).json()

    assert job["error_code"] == shown
    assert [one["error_code"] for one in listed] == [shown]
