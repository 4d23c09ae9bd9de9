"""What only operators can see and do in an instance."""

from __future__ import annotations

import io
import json
import re
import zipfile
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from backend.administration.admin import health
from backend.administration.admin.health import StatusTileRead
from backend.administration.admin.support import shown_settings
from backend.config import Settings
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.worker_registry import service as worker_registry
from backend.execution.worker_registry.tables import Worker
from backend.identity.auth.actors import SignedIn
from tests.factories.tenants import make_job, make_tenant
from tests.integration.auth.conftest import World

UNKNOWN_ID = UUID(int=1)
ROUTES = (
    ("GET", "/v1/instance/workers"),
    ("GET", "/v1/instance/queue"),
    ("GET", "/v1/instance/health"),
    ("GET", "/v1/instance/support-bundle"),
    ("GET", "/v1/instance/users"),
    ("POST", "/v1/instance/users"),
    ("POST", f"/v1/instance/users/{UNKNOWN_ID}/password-links"),
    ("GET", "/v1/instance/projects"),
    ("POST", f"/v1/instance/workers/{UNKNOWN_ID}/drain"),
    ("POST", "/v1/instance/projects/acme/top-ups"),
)
BODIES = {
    "/v1/instance/projects/acme/top-ups": {"amount_usd": 1},
    "/v1/instance/users": {"email": "eve@example.org"},
}
OPERATOR = SignedIn(uuid4(), uuid4(), "ola@example.org", "Ola", is_operator=True, csrf_token="-")


async def worker(database: Database, *, age_s: float = 0) -> UUID:
    """Register a worker whose last heartbeat has the given age."""
    worker_id = uuid4()
    async with database.transaction() as session:
        await worker_registry.join(
            session, worker_id, lanes=["default", "gpu"], capacity=4, layers=["landlock 7"]
        )
        found = await session.get_one(Worker, worker_id)
        found.beat_at = now() - timedelta(seconds=age_s)
    return worker_id


@pytest.fixture
async def operator(world: World) -> httpx.AsyncClient:
    """Return a browser in which an operator is signed in."""
    return await world.browser(await world.user("ola@example.org", is_operator=True))


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_owners_keys_and_anonymous_callers_are_rejected(
    client: httpx.AsyncClient, world: World, method: str, path: str
) -> None:
    owner = await world.user("ada@example.org")
    project = await world.project("Acme", owner)
    body: dict[str, Any] = {"json": BODIES[path]} if path in BODIES and method == "POST" else {}
    key = await world.key(project)
    assert (await client.request(method, path, **body)).status_code == 401
    assert (await client.request(method, path, headers=key, **body)).status_code == 403
    async with await world.browser(owner) as browser:
        response = await browser.request(method, path, **body)
    assert (response.status_code, "operator" in response.json()["detail"]) == (403, True)


async def test_workers_are_listed_with_their_state_and_can_be_drained(
    operator: httpx.AsyncClient, database: Database
) -> None:
    alive, lost = await worker(database), await worker(database, age_s=60)
    rows = {one["id"]: one for one in (await operator.get("/v1/instance/workers")).json()}
    assert (rows[str(alive)]["is_alive"], rows[str(lost)]["is_alive"]) == (True, False)
    assert (rows[str(alive)]["lanes"], rows[str(alive)]["capacity"]) == (["default", "gpu"], 4)
    assert (await operator.post(f"/v1/instance/workers/{alive}/drain")).status_code == 204
    (drained,) = [
        one for one in (await operator.get("/v1/instance/workers")).json() if one["id"] == str(alive)
    ]
    assert drained["is_draining"]
    unknown = await operator.post(f"/v1/instance/workers/{uuid4()}/drain")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "worker_not_found")


async def test_support_bundle_has_the_state_and_no_secrets(
    operator: httpx.AsyncClient, database: Database, world: World, instance: AppContext
) -> None:
    await world.project("Very Private Name", await world.user("ada@example.org"))
    await worker(database)
    response = await operator.get("/v1/instance/support-bundle")
    assert response.status_code == 200
    assert response.headers["content-disposition"] == 'attachment; filename="puras-support.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    files = {name: json.loads(text) for name, text in texts.items() if name.endswith(".json")}
    assert files["about.json"]["packages"]["fastapi"]
    assert files["settings.json"].keys() == set(Settings.model_fields)
    assert files["settings.json"]["database_url"] in ("(set)", None)
    assert {one["name"] for one in files["database.json"]["tables"]} >= {"jobs", "job_queue"}
    assert len(files["workers.json"]) == 1
    assert {one["part"] for one in files["health.json"]} >= {"Database", "Workers"}
    everything = "".join(texts.values())
    secrets = [value for value in dict(instance.settings).values() if isinstance(value, SecretStr)]
    assert not [one for one in secrets if one.get_secret_value() and one.get_secret_value() in everything]
    assert "Very Private" not in everything


def test_credentials_in_urls_are_not_in_the_support_bundle() -> None:
    shown = shown_settings(
        Settings(
            search_url="https://ada:topsecret@example.org/v1?key=topsecret", metrics_token="topsecret" * 2
        )
    )
    assert shown["search_url"] == "https://example.org/v1"
    assert shown["metrics_token"] == "(set)"
    assert "topsecret" not in json.dumps(shown, default=str)


async def test_credit_is_added_once_per_key_and_is_in_the_audit_log(
    operator: httpx.AsyncClient, world: World, database: Database
) -> None:
    project = await world.project("Acme")
    path, body = "/v1/instance/projects/acme/top-ups", {"amount_usd": 2.5, "note": "a gift"}
    for _ in range(2):
        response = await operator.post(path, json=body, headers={"Idempotency-Key": "one"})
        assert (response.status_code, response.json()["balance_micros"]) == (201, 2_500_000)
    for wrong in ({"amount_usd": 0}, {"amount_usd": -1}, {"amount_usd": 10**7}):
        assert (await operator.post(path, json=wrong)).status_code == 422
    assert (await operator.post("/v1/instance/projects/nowhere/top-ups", json=body)).status_code == 404
    (row,) = [one for one in (await operator.get("/v1/instance/projects")).json() if one["slug"] == "acme"]
    assert (row["balance_micros"], row["members"]) == (2_500_000, 1)
    async with database.transaction() as session:
        query = text("select actor from audit_rows where action = 'wallet.topped_up' and project_id = :id")
        assert (await session.scalars(query, {"id": project.id})).all() == ["user:ola@example.org"]


async def test_users_and_projects_are_paginated(operator: httpx.AsyncClient, world: World) -> None:
    for number in range(3):
        owner = await world.user(f"u{number}@example.org")
        await world.project(f"P{number}", owner)
    for path, name in (("users", "email"), ("projects", "slug")):
        found, url = [], f"/v1/instance/{path}?limit=2"
        while url:
            response = await operator.get(url)
            found += [one[name] for one in response.json()]
            url = response.links.get("next", {}).get("url", "")
        assert found == sorted(set(found))
        assert len(found) >= 3


async def test_missing_redis_is_a_warning_on_the_health_page(
    instance: AppContext, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker(database)
    assert {one.part: one.state for one in await health.tiles(instance, OPERATOR)} == {
        "Database": "ok",
        "Redis": "ok",
        "Workers": "ok",
        "Disk": "ok",
    }
    nowhere = instance.redis.from_url("redis://127.0.0.1:1")
    monkeypatch.setattr(type(instance.redis), "ping", nowhere.ping)
    redis = await tile(instance, "Redis")
    assert (redis.state, redis.message) == (
        "wait",
        "Unavailable. Jobs start up to 2 s later. No data is lost.",
    )
    await nowhere.aclose()


async def test_worker_tile_fails_without_a_live_worker(instance: AppContext, database: Database) -> None:
    await worker(database, age_s=60)
    found = await tile(instance, "Workers")
    assert (found.state, found.message) == (
        "fail",
        "No worker has sent a heartbeat in the last 10 s. Jobs wait for a worker.",
    )


async def test_worker_tile_reports_a_host_without_free_disk_space(
    instance: AppContext, database: Database
) -> None:
    await worker(database)
    async with database.transaction() as session:
        await session.execute(text("update workers set shortage = 'disk: 1 MiB free'"))
    found = await tile(instance, "Workers")
    assert found.state == "fail"
    assert "disk: 1 MiB free" in found.message


async def test_queue_reports_when_the_next_delayed_job_is_due(
    operator: httpx.AsyncClient, database: Database
) -> None:
    due = [now() + timedelta(hours=hours) for hours in (3, 2)]
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        await make_job(session, tenant)
        for run_at in due:
            await make_job(session, tenant, run_at=run_at)
    rows = {row["reason"]: row for row in (await operator.get("/v1/instance/queue")).json()}
    assert (rows["not_before"]["jobs"], rows["not_before"]["oldest_s"]) == (2, 0)
    assert datetime.fromisoformat(rows["not_before"]["next_due_at"]) == due[1]
    assert rows["no_worker"]["next_due_at"] is None


async def tile(instance: AppContext, part: str) -> StatusTileRead:
    return next(one for one in await health.tiles(instance, OPERATOR) if one.part == part)


async def test_new_user_sets_a_password_with_a_link_that_works_once(
    operator: httpx.AsyncClient, client: httpx.AsyncClient, database: Database
) -> None:
    made = await operator.post("/v1/instance/users", json={"email": " Eve@Example.org", "name": "Eve"})
    assert made.status_code == 201, made.text
    assert made.json()["email"] == "eve@example.org"
    _, _, token = made.json()["link"].partition("/reset?token=")
    assert (await set_password(client, token, "three words make one")).headers["location"] == "/"
    again = await client.get("/reset", params={"token": token})
    assert "Link not valid" in again.text
    rows = {one["email"]: one for one in (await operator.get("/v1/instance/users")).json()}
    assert (rows["eve@example.org"]["name"], rows["eve@example.org"]["is_operator"]) == ("Eve", False)
    async with database.transaction() as session:
        query = text(
            "select actor, action from audit_rows where action in ('user.created', 'password_reset.issued')"
        )
        actions = {tuple(row) for row in (await session.execute(query)).all()}
    assert actions >= {
        ("user:ola@example.org", "user.created"),
        ("user:ola@example.org", "password_reset.issued"),
    }


async def test_user_is_added_once_and_needs_an_email(operator: httpx.AsyncClient) -> None:
    requested = {"json": {"email": "eve@example.org"}}
    assert (await operator.post("/v1/instance/users", **requested)).status_code == 201
    taken = await operator.post("/v1/instance/users", **requested)
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    wrong = await operator.post("/v1/instance/users", json={"email": "eve"})
    assert wrong.status_code == 422, wrong.text


async def test_repeated_request_creates_one_account_with_the_same_link(
    operator: httpx.AsyncClient,
) -> None:
    once = {"headers": {"Idempotency-Key": "eve"}, "json": {"email": "eve@example.org"}}
    first, second = [(await operator.post("/v1/instance/users", **once)).json() for _ in range(2)]
    assert first == second


async def test_password_links_are_not_created_for_operators(
    operator: httpx.AsyncClient, world: World, client: httpx.AsyncClient
) -> None:
    ada = await world.user("ada@example.org")
    first, second = [
        (await operator.post(f"/v1/instance/users/{ada.id}/password-links")).json()["link"] for _ in range(2)
    ]
    closed = await client.get("/reset", params={"token": first.partition("token=")[2]})
    assert "Link not valid" in closed.text
    token = second.partition("token=")[2]
    assert (await set_password(client, token, "three words make one")).headers["location"] == "/"
    other = await world.user("otto@example.org", is_operator=True)
    rejected = await operator.post(f"/v1/instance/users/{other.id}/password-links")
    assert (rejected.status_code, "puras-studio user reset-password" in rejected.json()["detail"]) == (
        403,
        True,
    )
    unknown = await operator.post(f"/v1/instance/users/{UNKNOWN_ID}/password-links")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "user_not_found")


async def set_password(client: httpx.AsyncClient, token: str, password: str) -> httpx.Response:
    """Open the form of a link and submit it with the password."""
    page = await client.get("/reset", params={"token": token})
    found = re.search(r'name="csrf" value="([^"]+)"', page.text)
    csrf = found[1] if found else ""
    return await client.post("/reset", data={"csrf": csrf, "token": token, "password": password})
