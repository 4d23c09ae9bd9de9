"""Authentication of requests: valid and invalid credentials, and the principal that results."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select, update
from sqlmodel import col

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.tables import Job
from backend.identity.api_keys import keys
from backend.identity.auth import job_tokens
from backend.identity.tables import ApiKey, Session

ROUTES = ["/v1/me", "/v1/projects", "/v1/api-keys", "/v1/audit", "/v1/there-is-no-such-route"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic Zm9vOmJhcg=="},
        {"Authorization": "Bearer puras_live_short"},
        {"Authorization": "Bearer puras_live_abcdefgh." + "x" * 32},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Cookie": "puras_session_8123=nothing-of-the-kind"},
        {"X-Puras-Service-Token": "puras_job_forged"},
    ],
)
async def test_every_v1_route_returns_401_without_valid_credentials(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    response = await client.get(path, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json()["detail"].endswith((".", "!"))
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


async def test_url_that_a_user_opens_without_a_session_leads_to_the_sign_in_form(
    client: httpx.AsyncClient,
) -> None:
    url = "/v1/drive/files/a%20b.txt?project=atelier"
    opened = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    response = await client.get(url, headers=opened)
    assert response.status_code == 303
    assert parse_qs(urlsplit(response.headers["location"]).query) == {"next": [url]}
    for headers in ({}, {"Sec-Fetch-Mode": "cors"}, {**opened, "Authorization": "Bearer puras_live_x"}):
        assert (await client.get(url, headers=headers)).status_code == 401


async def test_body_is_not_read_before_authentication(app: FastAPI) -> None:
    reads = 0

    async def receive() -> dict[str, Any]:
        nonlocal reads
        reads += 1
        return {"type": "http.request", "body": b"{", "more_body": True}

    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/api-keys",
        "raw_path": b"/v1/api-keys",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "scheme": "http",
        "server": ("127.0.0.1", 8123),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    await app(scope, receive, send)

    assert sent[0]["status"] == 401
    assert reads == 0


async def test_a_key_acts_in_its_own_project_only(client: httpx.AsyncClient, world: Any) -> None:
    mine, other = await world.project("Mine"), await world.project("Other")
    headers = await world.key(mine)

    me = (await client.get("/v1/me", headers=headers)).json()
    assert me["project_id"] == me["workspace_id"] == str(mine.id)
    assert me["kind"] == "secret_key"

    for name in (str(other.id), other.slug, str(uuid4()), "%F0%9F%99%82"):
        assert (await client.get(f"/v1/projects/{name}", headers=headers)).status_code == 404
    for name in (str(mine.id), mine.slug):
        assert (await client.get(f"/v1/projects/{name}", headers=headers)).json()["id"] == str(mine.id)


async def test_revoked_key_is_rejected(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine"))
    made = (await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers)).json()
    its = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/v1/me", headers=its)).status_code == 200

    assert (await client.delete(f"/v1/api-keys/{made['id']}", headers=headers)).status_code == 204

    response = await client.get("/v1/me", headers=its)
    assert response.status_code == 401
    assert "revoked" in response.json()["detail"]


async def test_expired_key_is_rejected(client: httpx.AsyncClient, world: Any, database: Database) -> None:
    limits = keys.Limits(expires_at=now() + timedelta(hours=1))
    headers = await world.key(await world.project("Mine"), limits=limits)
    assert (await client.get("/v1/me", headers=headers)).status_code == 200

    async with database.transaction() as session:
        await session.execute(update(ApiKey).values(expires_at=now()))

    assert "expired" in (await client.get("/v1/me", headers=headers)).json()["detail"]


async def test_secret_of_one_key_is_not_valid_for_another(client: httpx.AsyncClient, world: Any) -> None:
    project = await world.project("Mine")
    one, two = await world.key(project), await world.key(project, "publishable")
    crossed = one["Authorization"].split(".")[0] + "." + two["Authorization"].split(".")[1]
    relabelled = two["Authorization"].replace("puras_pub_", "puras_live_")

    for text in (crossed, relabelled):
        assert (await client.get("/v1/me", headers={"Authorization": text})).status_code == 401


async def test_publishable_key_has_no_access_to_project_routes(client: httpx.AsyncClient, world: Any) -> None:
    project = await world.project("Mine")
    headers = await world.key(project, "publishable")

    for path in ("/v1/api-keys", "/v1/audit", "/v1/projects", f"/v1/projects/{project.id}"):
        assert (await client.get(path, headers=headers)).status_code == 403
    assert (await client.post("/v1/api-keys", json={}, headers=headers)).status_code == 403
    assert (await client.delete(f"/v1/projects/{project.id}", headers=headers)).status_code == 403


async def test_restricted_key_cannot_create_a_less_restricted_key(
    client: httpx.AsyncClient, world: Any
) -> None:
    project = await world.project("Mine")
    narrowings = [
        keys.Limits(scopes=["project:write", "project:read"]),
        keys.Limits(skill_allowlist=["thumbnail"]),
        keys.Limits(daily_cap_micros=1),
        keys.Limits(expires_at=now() + timedelta(days=1)),
    ]
    for limits in narrowings:
        headers = await world.key(project, limits=limits)
        response = await client.post("/v1/api-keys", json={"name": "wider"}, headers=headers)
        assert response.status_code == 403


async def test_last_use_of_a_key_is_recorded_in_the_background(
    client: httpx.AsyncClient, world: Any, database: Database, app: FastAPI
) -> None:
    headers = await world.key(await world.project("Mine"))
    await asyncio.gather(*(client.get("/v1/me", headers=headers) for _ in range(5)))
    await app.state.last_use.close()

    async with database.transaction() as session:
        assert (await session.scalars(select(ApiKey.last_used_at))).one() is not None


async def test_a_session_writes_only_with_its_csrf_token(client: httpx.AsyncClient, world: Any) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    token = browser.headers.pop("X-CSRF-Token")

    for wrong in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "x" * 43}, {"X-CSRF-Token": "é".encode()}):
        response = await browser.post("/v1/projects", json={"name": "P"}, headers=wrong)
        assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")
    assert (await browser.get("/v1/me")).json()["csrf_token"] == token
    assert (
        await browser.post("/v1/projects", json={"name": "P"}, headers={"X-CSRF-Token": token})
    ).status_code == 201


async def test_a_session_names_its_project_by_id_or_slug(world: Any) -> None:
    ada, eve = await world.user("ada@example.org"), await world.user("eve@example.org")
    project = await world.project("Mine", ada)
    hers, others = await world.browser(ada), await world.browser(eve)

    assert (await hers.get("/v1/api-keys")).json()["code"] == "project_not_named"
    for name in (str(project.id), project.slug):
        assert (await hers.get("/v1/api-keys", params={"project": name})).status_code == 200
        assert (await hers.get("/v1/api-keys", headers={"X-Puras-Project": name})).status_code == 200
        assert (await others.get("/v1/api-keys", params={"project": name})).status_code == 404


@pytest.mark.parametrize("values", [{"expires_at": None}, {"last_seen_at": None}])
async def test_old_and_idle_sessions_are_rejected(
    world: Any, database: Database, values: dict[str, Any]
) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    async with database.transaction() as session:
        name = next(iter(values))
        await session.execute(update(Session).values({name: now() - timedelta(days=8)}))

    assert (await browser.get("/v1/me")).json()["code"] == "session_ended"


async def test_job_token_is_valid_only_for_job_routes_during_its_attempt(
    client: httpx.AsyncClient, world: Any, database: Database, instance: AppContext
) -> None:
    project = await world.project("Mine")
    job = Job(
        project_id=project.id,
        skillpack_id=uuid4(),
        deployment_id=uuid4(),
        skill_name="s",
        status="running",
        attempt=2,
        inputs={},
    )
    async with database.transaction() as session:
        session.add(job)

    def headers(attempt: int, job_id: Any = job.id, seconds: int = 60) -> dict[str, str]:
        token = job_tokens.mint(
            instance.vault,
            project_id=project.id,
            job_id=job_id,
            attempt=attempt,
            expires_at=now() + timedelta(seconds=seconds),
        )
        return {"X-Puras-Service-Token": token}

    in_job = "/v1/web/search"
    assert (await client.post(in_job, headers=headers(2))).status_code != 401
    assert (await client.get("/v1/me", headers=headers(2))).status_code == 401
    for rejected in (headers(1), headers(2, uuid4()), headers(2, seconds=-1)):
        assert (await client.post(in_job, headers=rejected)).status_code == 401

    async with database.transaction() as session:
        await session.execute(update(Job).values(attempt=3).where(col(Job.id) == job.id))
    assert (await client.post(in_job, headers=headers(2))).status_code == 401
