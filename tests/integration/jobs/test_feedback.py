"""Feedback on a job: one rating per user, none in the name of another user, and a limited number per job."""

from __future__ import annotations

from uuid import UUID

import httpx
import pytest

from backend.core.db.engine import Database
from backend.execution.jobs import feedback
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.tables import Member
from tests.factories.tenants import make_job, make_skill, make_tenant
from tests.integration.auth.conftest import World, client, world

__all__ = ["client", "world"]

ADA = "ada@example.org"


async def _create_rated_job(database: Database) -> tuple[UUID, UUID]:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        return tenant.principal.project_id, await make_job(session, tenant)


async def _key(database: Database, project_id: UUID, *scopes: str) -> dict[str, str]:
    async with database.transaction() as session:
        created = await keys.create(session, None, project_id=project_id, limits=Limits(scopes=scopes))
    return {"Authorization": f"Bearer {created.plaintext}"}


async def test_app_cannot_change_the_feedback_of_a_named_user(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    project_id, job_id = await _create_rated_job(database)
    ada = await world.user(ADA)
    async with database.transaction() as session:
        session.add(Member(project_id=project_id, user_id=ada.id, role="viewer"))
    here = {"X-Puras-Project": str(project_id)}
    browser = await world.browser(ada)
    own = await browser.post(f"/v1/jobs/{job_id}/feedback", json={"rating": 1}, headers=here)
    key = await _key(database, project_id)
    body = {"rating": -1, "end_user_id": ADA}
    for _ in range(2):
        assert (await client.post(f"/v1/jobs/{job_id}/feedback", json=body, headers=key)).status_code == 200
    job = (await client.get(f"/v1/jobs/{job_id}", headers=key)).json()
    assert own.status_code == 200
    assert {one["given_by"]: one["rating"] for one in job["feedback"]} == {
        f"user:{ADA}": 1,
        f"end_user:{ADA}": -1,
    }


async def test_read_only_key_cannot_give_feedback(client: httpx.AsyncClient, database: Database) -> None:
    project_id, job_id = await _create_rated_job(database)
    key = await _key(database, project_id, "jobs:read")
    assert (await client.get(f"/v1/jobs/{job_id}", headers=key)).status_code == 200
    rejected = await client.post(f"/v1/jobs/{job_id}/feedback", json={"rating": 1}, headers=key)
    assert (rejected.status_code, rejected.json()["scope"]) == (403, "jobs:submit")


async def test_feedback_per_job_is_limited_and_can_still_be_changed(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MAX_RATINGS", 2)
    project_id, job_id = await _create_rated_job(database)
    key = await _key(database, project_id)

    async def rate(user_id: str, rating: int) -> httpx.Response:
        body = {"rating": rating, "end_user_id": user_id}
        return await client.post(f"/v1/jobs/{job_id}/feedback", json=body, headers=key)

    assert [(await rate(user_id, 1)).status_code for user_id in ("one", "two", "three", "two")] == [
        200,
        200,
        409,
        200,
    ]
    full = await rate("four", 0)
    assert (full.json()["code"], full.json()["limit"]) == ("too_much_feedback", 2)
    assert (await rate("one", -1)).json()["rating"] == -1
