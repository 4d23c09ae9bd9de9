"""Links that share a job with people who are not members of its project."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.execution.shares.api import MAX_REQUESTS
from backend.execution.shares.service import MAX_LINKS
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.identity.auth.principal import Role
from tests.factories.tenants import make_skill, make_tenant
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]

Headers = dict[str, str]
SECRET = "sk-very-secret-owl"
ENDED = """
update jobs set status = 'succeeded', finished_at = now(), result = cast(:result as json) where id = :id
"""


async def submitted_job(database: Database, client: httpx.AsyncClient) -> tuple[str, Headers]:
    """Return a queued job, and a key of its project."""
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill())
        created = await keys.create(
            session, None, project_id=tenant.project_id, kind="secret", limits=Limits()
        )
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    body = {"skill": "echo", "inputs": {"word": "hidden-input"}}
    submitted = await client.post("/v1/jobs", json=body, headers=headers)
    assert submitted.status_code == 201, submitted.text
    return submitted.json()["id"], headers


async def prepared(database: Database, client: httpx.AsyncClient) -> tuple[str, Headers]:
    """Return a succeeded job with a secret in its result, and a key of its project."""
    job_id, headers = await submitted_job(database, client)
    stored = await client.put("/v1/secrets", json={"name": "TOKEN", "value": SECRET}, headers=headers)
    assert stored.is_success, stored.text
    async with database.transaction() as session:
        values = {"id": job_id, "result": f'{{"answer": "owl", "key": "{SECRET}"}}'}
        await session.execute(text(ENDED), values)
    return job_id, headers


async def read(client: httpx.AsyncClient, url: str) -> httpx.Response:
    return await client.get("/v1/shared-job", headers={"X-Puras-Share": url.partition("#")[2]})


async def test_link_shows_status_and_result_until_it_is_revoked_or_expires(
    client: httpx.AsyncClient, database: Database
) -> None:
    job_id, headers = await prepared(database, client)
    shares = f"/v1/jobs/{job_id}/shares"
    created = (await client.post(shares, json={"expires_in_hours": 24}, headers=headers)).json()
    other = (await client.post(shares, json={}, headers=headers)).json()
    token = created["url"].partition("#")[2]

    shown = await read(client, created["url"])
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert (shown.json()["status"], shown.json()["result"]["answer"]) == ("succeeded", "owl")
    assert "hidden-input" not in shown.text
    assert SECRET not in shown.text
    assert [span["kind"] for span in shown.json()["spans"]][:1] == ["run"]
    listed = await client.get(shares, headers=headers)
    assert [one["id"] for one in listed.json()] == [other["id"], created["id"]]
    assert token not in listed.text
    async with database.transaction() as session:
        stored = (await session.execute(text("select token_hash from job_shares"))).scalars().all()
        actions = (await session.execute(text("select action from audit_rows"))).scalars().all()
    assert token not in stored

    revoked = await client.delete(f"{shares}/{created['id']}", headers=headers)
    assert revoked.status_code == 204
    gone = await read(client, created["url"])
    assert (gone.status_code, gone.json()["code"]) == (404, "share_ended")
    assert (await client.delete(f"{shares}/{created['id']}", headers=headers)).status_code == 404
    async with database.transaction() as session:
        values = {"at": timedelta(hours=100)}
        await session.execute(text("update job_shares set expires_at = expires_at - :at"), values)
    assert (await read(client, other["url"])).json()["code"] == "share_ended"
    assert (await client.get(shares, headers=headers)).json() == []
    assert actions.count("job.shared") == 2


async def test_viewers_and_other_projects_cannot_share(
    client: httpx.AsyncClient, database: Database, world: Any
) -> None:
    job_id, headers = await prepared(database, client)
    project = await world.project("Other")
    other_key = await world.key(project)
    rejected = await client.post(f"/v1/jobs/{job_id}/shares", json={}, headers=other_key)
    assert (rejected.status_code, rejected.json()["code"]) == (404, "job_not_found")
    viewer = await world.user("viewer@example.org")
    await world.member(project, viewer, Role.VIEWER)
    browser = await world.browser(viewer)
    for method in ("GET", "POST"):
        response = await browser.request(
            method, f"/v1/jobs/{job_id}/shares", headers={"X-Puras-Project": str(project.id)}
        )
        assert response.status_code == 403, method
    for hours in (0, 721):
        invalid = await client.post(
            f"/v1/jobs/{job_id}/shares", json={"expires_in_hours": hours}, headers=headers
        )
        assert invalid.status_code == 422


async def test_links_end_with_their_project(client: httpx.AsyncClient, database: Database) -> None:
    job_id, headers = await prepared(database, client)
    created = (await client.post(f"/v1/jobs/{job_id}/shares", json={}, headers=headers)).json()
    async with database.transaction() as session:
        await session.execute(text("update projects set deleted_at = now()"))
    assert (await read(client, created["url"])).json()["code"] == "share_ended"


async def test_number_of_links_and_requests_is_limited(client: httpx.AsyncClient, database: Database) -> None:
    job_id, headers = await prepared(database, client)
    for _ in range(MAX_LINKS):
        created = await client.post(f"/v1/jobs/{job_id}/shares", json={}, headers=headers)
        assert created.status_code == 201, created.text
    rejected = await client.post(f"/v1/jobs/{job_id}/shares", json={}, headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (409, "too_many_shares")
    statuses = [(await read(client, f"#guess-{number}")).status_code for number in range(MAX_REQUESTS + 5)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
