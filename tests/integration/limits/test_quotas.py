"""Quotas of a project: the error and its fields, concurrent requests, and changes by the operator."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.errors import TooManyQueuedJobs
from backend.money import admission
from backend.money.ledger.audit import check_ledger
from backend.skills.archives.pack import pack_files
from tests.factories.tenants import Tenant, make_job, make_tenant
from tests.integration.auth.conftest import World
from tests.integration.deployments.conftest import BUNDLE
from tests.integration.limits.conftest import Serve

Headers = dict[str, str]


def is_quota_error(response: httpx.Response, quota: str, limit: int) -> bool:
    """Return whether the response rejects another item, with the limit and the usage."""
    body = response.json()
    facts = (body.get("code"), body.get("quota"), body.get("limit"), body.get("used"))
    return response.status_code == 409 and facts == ("quota_reached", quota, limit, limit)


async def make_key(client: httpx.AsyncClient, headers: Headers) -> httpx.Response:
    return await client.post("/v1/api-keys", json={}, headers=headers)


async def push(client: httpx.AsyncClient, headers: Headers, where: str = "/v1") -> httpx.Response:
    files = {"bundle": ("b.zip", pack_files(BUNDLE), "application/zip")}
    return await client.post(f"{where}/deployments", files=files, headers=headers)


async def test_revoked_key_does_not_count_towards_the_key_limit(serve: Serve, world: World) -> None:
    client = await serve(max_api_keys=3)
    headers = await world.key(await world.project("Acme"))  # the first of the three keys
    made = [await make_key(client, headers) for _ in range(2)]
    assert [response.status_code for response in made] == [201, 201]
    assert is_quota_error(await make_key(client, headers), "api_keys", 3)

    await client.delete(f"/v1/api-keys/{made[0].json()['id']}", headers=headers)
    assert (await make_key(client, headers)).status_code == 201
    assert is_quota_error(await make_key(client, headers), "api_keys", 3)


async def test_concurrent_requests_do_not_exceed_the_key_limit(serve: Serve, world: World) -> None:
    clients = [await serve(max_api_keys=5), await serve(max_api_keys=5)]
    headers = await world.key(await world.project("Acme"))
    responses = await asyncio.gather(*(make_key(clients[n % 2], headers) for n in range(16)))
    assert sorted(response.status_code for response in responses) == [201] * 4 + [409] * 12


async def test_members_and_invitations_share_one_limit(serve: Serve, world: World) -> None:
    client = await serve(max_members=2)
    headers = await world.key(await world.project("Acme", await world.user("ada@example.org")))
    path = f"/v1/projects/{(await client.get('/v1/me', headers=headers)).json()['project_id']}/members"
    for _ in range(2):  # another invitation of the same user is not counted
        requested = {"email": "bob@example.org"}
        assert (await client.post(path, json=requested, headers=headers)).status_code == 201
    assert is_quota_error(
        await client.post(path, json={"email": "eve@example.org"}, headers=headers), "members", 2
    )


async def test_existing_secret_can_be_set_at_the_secret_limit(serve: Serve, world: World) -> None:
    client = await serve(max_secrets=1)
    headers = await world.key(await world.project("Acme"))

    async def put(name: str, where: str = "") -> httpx.Response:
        return await client.put(f"/v1{where}/secrets", json={"name": name, "value": "v"}, headers=headers)

    assert (await put("ONE")).status_code == 200
    assert (await put("ONE")).status_code == 200
    assert is_quota_error(await put("TWO"), "secrets", 1)
    assert (await put("TWO", "/skillpacks/default")).status_code == 200
    assert is_quota_error(await put("THREE", "/skillpacks/default"), "secrets", 1)


async def test_skillpacks_and_their_versions_are_limited(serve: Serve, world: World) -> None:
    client = await serve(max_skillpacks=2, max_deployments=2)
    headers = await world.key(await world.project("Acme"))
    made = await client.post("/v1/skillpacks", json={"name": "More"}, headers=headers)
    assert made.status_code == 201
    assert is_quota_error(
        await client.post("/v1/skillpacks", json={"name": "Most"}, headers=headers), "skillpacks", 2
    )

    assert [(await push(client, headers)).status_code for _ in range(2)] == [201, 201]
    assert is_quota_error(await push(client, headers), "deployments", 2)
    assert (await push(client, headers, "/v1/skillpacks/more")).status_code == 201
    assert (await client.delete("/v1/deployments/1", headers=headers)).status_code == 204
    assert (await push(client, headers)).json()["version"] == 3


async def test_repeated_request_returns_the_first_response_at_the_limit(serve: Serve, world: World) -> None:
    client = await serve(max_api_keys=2)
    headers = await world.key(await world.project("Acme")) | {"Idempotency-Key": "once"}
    first, again = await make_key(client, headers), await make_key(client, headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()


async def test_only_an_operator_sets_project_quotas(serve: Serve, world: World) -> None:
    client = await serve(max_api_keys=1)
    ada = await world.user("ada@example.org", is_operator=True)
    bob = await world.user("bob@example.org")
    project = await world.project("Acme", ada)
    headers = await world.key(project)
    path = f"/v1/projects/{project.id}/limits"
    assert is_quota_error(await make_key(client, headers), "api_keys", 1)

    for rejected in (headers, await world.key(project, "publishable")):
        assert (await client.patch(path, json={"api_keys": 9}, headers=rejected)).status_code == 403
    assert (await (await world.browser(bob)).get(path)).status_code == 404

    operator = await world.browser(ada)
    changed = await operator.patch(path, json={"api_keys": 3, "requests_per_minute": 100})
    assert changed.json()["api_keys"] == {"limit": 3, "has_ceiling": True, "is_own": True}
    assert (await make_key(client, headers)).status_code == 201
    assert is_quota_error(await make_key(client, headers), "api_keys", 3)
    assert (await client.get("/v1/me", headers=headers)).headers["RateLimit-Policy"] == '"project";q=100;w=60'

    again = await operator.patch(path, json={"api_keys": None})
    assert again.json()["api_keys"]["has_ceiling"] is False
    assert again.json()["requests_per_minute"] == {"limit": 100, "has_ceiling": True, "is_own": True}
    (row, *_) = (await client.get("/v1/audit", headers=headers)).json()
    assert (row["actor"], row["action"]) == ("user:ada@example.org", "limits.changed")
    assert row["details"] == {"before": {"api_keys": 3}, "after": {"api_keys": None}}


@pytest.mark.parametrize(
    "body", [{"api_keys": 0}, {"queued_jobs": -1}, {"members": "many"}, {"secrets": 10**6}, {"colour": 1}]
)
async def test_invalid_limit_is_reported_with_its_path(world: World, body: dict[str, Any]) -> None:
    ada = await world.user("ada@example.org", is_operator=True)
    project = await world.project("Acme", ada)
    response = await (await world.browser(ada)).patch(f"/v1/projects/{project.id}/limits", json=body)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, next(iter(body)))


async def limited(database: Database, *, queued_jobs: int, window: int = 1) -> Tenant:
    async with database.transaction() as session:
        tenant = await make_tenant(session, concurrency_limit=window)
        await session.execute(
            text("update projects set limits = jsonb_build_object('queued_jobs', cast(:maximum as int))"),
            {"maximum": queued_jobs},
        )
    return tenant


async def submit_job(database: Database, tenant: Tenant) -> UUID:
    async with database.transaction() as session:
        return await make_job(session, tenant)


async def test_queued_jobs_outside_the_window_are_limited(database: Database) -> None:
    tenant = await limited(database, queued_jobs=2)
    for _ in range(3):  # one is in the window, two are queued outside of it
        await submit_job(database, tenant)
    with pytest.raises(TooManyQueuedJobs) as rejected:
        await submit_job(database, tenant)
    assert {"limit": 2, "used": 2}.items() <= rejected.value.fields.items()
    assert rejected.value.retry_after_s > 0

    async with database.transaction() as session:
        await session.execute(text("update projects set limits = '{\"queued_jobs\": 1}'"))
    with pytest.raises(TooManyQueuedJobs) as rejected:
        await submit_job(database, tenant)
    assert {"limit": 1, "used": 2}.items() <= rejected.value.fields.items(), (
        "the limit is lower than the number of queued jobs"
    )

    async with database.transaction() as session:
        await session.execute(text("update projects set limits = '{\"queued_jobs\": 2}'"))
        await session.execute(text("update admissions set concurrency_limit = 2"))
        await admission.admit(session, tenant.project_id)
    await submit_job(database, tenant)


async def test_project_without_queue_quota_still_fills_its_window(database: Database) -> None:
    tenant = await limited(database, queued_jobs=0, window=2)
    for _ in range(2):
        await submit_job(database, tenant)
    with pytest.raises(TooManyQueuedJobs):
        await submit_job(database, tenant)


async def test_concurrent_submissions_do_not_exceed_the_queue_limit(database: Database) -> None:
    tenant = await limited(database, queued_jobs=20)

    async def one() -> bool:
        try:
            await submit_job(database, tenant)
        except TooManyQueuedJobs:
            return False
        return True

    accepted = sum(await asyncio.gather(*(one() for _ in range(100))))
    assert accepted == 21
    async with database.transaction() as session:
        waiting = await session.scalar(text("select count(*) from job_queue where stamp is null"))
    assert waiting == accepted - 1


async def test_full_queue_returns_429_with_the_limit_of_the_instance(serve: Serve, world: World) -> None:
    client = await serve(max_queued_jobs=0)
    project = await world.project("Acme")
    headers = await world.key(project)
    await push(client, headers)
    async with world.database.transaction() as session:
        await session.execute(text("update admissions set admitted = concurrency_limit"))
    response = await client.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (429, "too_many_queued_jobs")
    assert int(response.headers["Retry-After"]) > 0


async def test_jobs_with_a_later_start_have_a_separate_limit(serve: Serve, world: World) -> None:
    client = await serve(max_queued_jobs=1, max_later_jobs=3)
    project = await world.project("Acme")
    headers = await world.key(project)
    await push(client, headers)
    async with world.database.transaction() as session:
        await session.execute(text("update admissions set concurrency_limit = 1"))
        await session.execute(text("update wallets set balance_micros = 10000000"))
    at = (now() + timedelta(days=1)).isoformat()

    async def submit(run_at: str | None) -> httpx.Response:
        body = {"skill": "double", "inputs": {"n": 1}, "run_at": run_at}
        return await client.post("/v1/jobs", json=body, headers=headers)

    responses = await asyncio.gather(*(submit(at) for _ in range(12)))
    assert sorted(response.status_code for response in responses) == [201] * 3 + [429] * 9
    full = next(response.json() for response in responses if response.status_code == 429)
    assert (full["code"], full["limit"], full["used"]) == ("too_many_later_jobs", 3, 3)
    assert "--later-jobs" in full["detail"]
    assert "run_at" in full["detail"]

    waiting = [await submit(None) for _ in range(3)]
    assert [response.status_code for response in waiting] == [201, 201, 429]
    assert (waiting[2].json()["code"], waiting[2].json()["used"]) == ("too_many_queued_jobs", 1)
    [later] = [response.json() for response in responses if response.status_code == 201][:1]
    cancelled = await client.post(f"/v1/jobs/{later['id']}/cancel", headers=headers)
    assert cancelled.status_code == 200
    assert [(await submit(at)).status_code for _ in range(2)] == [201, 429]

    async with world.database.transaction() as session:
        await session.execute(text("""update projects set own_limits = '{"later_jobs": 2}'"""))
    lowered = await submit(at)
    assert (lowered.status_code, lowered.json()["limit"]) == (429, 2)
    async with (
        world.database.transaction() as session
    ):  # their start time has passed, so they count as queued jobs
        await session.execute(text("update job_queue set not_before = now() where is_later"))
        await admission.release_due(session)
    assert (await submit(at)).status_code == 201
    assert (await submit(None)).json()["used"] == 4


async def test_deleted_project_does_not_count_towards_the_project_limit(serve: Serve, world: World) -> None:
    client = await serve(max_projects=2)
    ada = await world.browser(await world.user("ada@example.org"))
    client.cookies.update(ada.cookies)
    client.headers["X-CSRF-Token"] = ada.headers["X-CSRF-Token"]
    responses = await asyncio.gather(*(client.post("/v1/projects", json={"name": f"P{n}"}) for n in range(5)))
    assert sorted(response.status_code for response in responses) == [201, 201, 409, 409, 409]
    assert is_quota_error(await client.post("/v1/projects", json={"name": "More"}), "projects", 2)

    one = next(response.json()["id"] for response in responses if response.status_code == 201)
    assert (await client.delete(f"/v1/projects/{one}")).status_code < 300
    assert (await client.post("/v1/projects", json={"name": "More"})).status_code == 201


async def test_starting_credit_is_booked_for_the_first_projects_of_each_user(
    serve: Serve, world: World
) -> None:
    async def client_of(email: str) -> httpx.AsyncClient:
        client = await serve(starting_credit_usd=0.5, starting_credit_projects=2)
        browser = await world.browser(await world.user(email))
        client.cookies.update(browser.cookies)
        client.headers["X-CSRF-Token"] = browser.headers["X-CSRF-Token"]
        return client

    async def create(client: httpx.AsyncClient) -> str:
        response = await client.post("/v1/projects", json={"name": "Acme"})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    async def ledger_of(client: httpx.AsyncClient, project: str) -> list[tuple[Any, ...]]:
        lines = await client.get("/v1/billing/ledger", headers={"X-Puras-Project": project})
        return [(one["kind"], one["amount_micros"], one["note"], one["created_by"]) for one in lines.json()]

    credit = [("top_up", 500_000, "starting credit", "system")]
    ada = await client_of("ada@example.org")
    projects = await asyncio.gather(*(create(ada) for _ in range(3)))
    ledgers = [await ledger_of(ada, project) for project in projects]
    assert sorted(ledgers) == [[], credit, credit]
    assert (await ada.delete(f"/v1/projects/{projects[ledgers.index(credit)]}")).status_code < 300
    assert await ledger_of(ada, await create(ada)) == [], "deleted projects count"
    bob = await client_of("bob@example.org")
    assert await ledger_of(bob, await create(bob)) == credit
    async with world.database.transaction() as session:
        assert await check_ledger(session) == []
