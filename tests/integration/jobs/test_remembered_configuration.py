"""A request for a job that uses a remembered key and skill sees each change that was committed before it."""

from __future__ import annotations

import gc
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.identity.api_keys import keys
from backend.identity.api_keys.keys import Limits
from backend.money.budgets.tables import Budget
from backend.skills.deployments import manifests
from backend.skills.skillpacks.tables import Skillpack
from tests.factories.tenants import Tenant, make_deployment, make_skill, make_tenant
from tests.integration.jobs.test_fast_route import counted

STAMP = text("select stamp from configuration_stamps where project_id = :project_id")
WATCHED = text("""
    select c.relname, a.attname from pg_trigger t join pg_class c on c.oid = t.tgrelid
    join pg_attribute a on a.attrelid = c.oid and a.attnum = any(t.tgattr)
    where t.tgname = 'replace_configuration_stamp'
""")
USED_UP = "update jobs set attempt = 1, reserved_micros = 10 where project_id = :project_id"
"""Let the reservations of the project use up its budget."""
MAX_REQUESTS = 20
LIMIT_REQUESTS = (
    f"""update projects set own_limits = '{{"requests_per_minute": {MAX_REQUESTS}}}' where id = :project_id"""
)
NOT_READ = {
    "api_keys": {"id", "name", "last_used_at", "created_at", "created_by"},
    "projects": {"id", "number", "name", "created_at", "former_slug", "purged_at"},
    "skillpacks": {
        *("id", "name", "description", "previous_deployment_id", "last_version", "created_at", "is_deleted")
    },
}
"""Columns on which neither a key nor the choice of a version depends."""


@pytest_asyncio.fixture
async def tenant(database: Database) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, make_skill())


@pytest_asyncio.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123") as client:
        yield client


@pytest_asyncio.fixture
async def used_key(client: httpx.AsyncClient, database: Database, tenant: Tenant) -> dict[str, str]:
    """Return a key that has submitted a job, so that the process remembers it and the skill."""
    key = await key_of(database, tenant)
    await submit(client, key)
    return key


async def key_of(database: Database, tenant: Tenant, **limits: Any) -> dict[str, str]:
    async with database.transaction() as session:
        made = await keys.create(
            session,
            None,
            project_id=tenant.project_id,
            kind="secret",
            limits=Limits(**limits) if limits else None,
        )
    return {"Authorization": f"Bearer {made.plaintext}", "Content-Type": "application/json"}


async def submit(client: httpx.AsyncClient, key: dict[str, str]) -> tuple[httpx.Response, list[str]]:
    """Submit a job, and return the response with the ways on which a submission was tried."""
    with counted() as ways:
        response = await client.post("/v1/jobs", content=b'{"skill": "echo"}', headers=key)
    return response, ways


def requests_left(submitted: tuple[httpx.Response, list[str]]) -> int:
    """Return how many requests the project may send in this minute, after the one of the response."""
    response, _ = submitted
    found = re.search(r'"project";r=([0-9]+);', response.headers["ratelimit"])
    assert found is not None
    return int(found[1])


async def run(database: Database, statement: str, tenant: Tenant, **values: Any) -> None:
    async with database.transaction() as session:
        used = {"project_id": tenant.project_id, "deployment_id": tenant.deployment_id, **values}
        named = {name: value for name, value in used.items() if f":{name}" in statement}
        await session.execute(text(statement), named)


async def job_count(database: Database, tenant: Tenant) -> int:
    async with database.transaction() as session:
        counted_jobs = await session.execute(
            text("select count(*) from jobs where project_id = :project_id"),
            {"project_id": tenant.project_id},
        )
        return int(counted_jobs.scalar_one())


CHANGES = {
    "revoked": ("update api_keys set revoked_at = now() where project_id = :project_id", 401),
    "expired": ("update api_keys set expires_at = now() where project_id = :project_id", 401),
    "deleted key": ("delete from api_keys where project_id = :project_id", 401),
    "scopes": ("update api_keys set scopes = '{jobs:read}' where project_id = :project_id", 403),
    "skills": ("update api_keys set skill_allowlist = '{other}' where project_id = :project_id", 403),
    "cap": ("update api_keys set daily_cap_micros = 0 where project_id = :project_id", 402),
    "environment": ("update api_keys set environment = 'staging' where project_id = :project_id", 404),
    "deleted project": ("update projects set deleted_at = now() where id = :project_id", 401),
    "deleted version": ("update deployments set deleted_at = now() where id = :deployment_id", 404),
    "nothing active": (
        "update skillpacks set active_deployment_id = null where project_id = :project_id",
        404,
    ),
    "deleted skillpack": ("delete from skillpacks where project_id = :project_id", 404),
    "renamed key": (
        "update api_keys set name = 'x', last_used_at = now() where project_id = :project_id",
        201,
    ),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_change_decides(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, name: str
) -> None:
    statement, status = CHANGES[name]
    key = await key_of(database, tenant)
    assert (await submit(client, key))[1] == ["FastAPI"]
    assert (await submit(client, key))[1] == ["fast"]
    await run(database, statement, tenant)
    response, ways = await submit(client, key)
    assert response.status_code == status, response.text
    assert ways[0] == "fast"  # the process still remembered what is no longer right
    assert await job_count(database, tenant) == (3 if status == 201 else 2)


async def test_open_transaction_decides_with_its_commit(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, used_key: dict[str, str]
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("update api_keys set revoked_at = now() where project_id = :project_id"),
            {"project_id": tenant.project_id},
        )
        response, ways = await submit(client, used_key)
        assert (response.status_code, ways) == (201, ["fast"])
    response, ways = await submit(client, used_key)
    assert response.status_code == 401


async def test_other_version_is_used_by_the_next_request(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, used_key: dict[str, str]
) -> None:
    async with database.transaction() as session:
        newer = make_deployment(tenant.project_id, tenant.skillpack_id, make_skill(), version=2)
        session.add(newer)
        await session.flush()
        pack = await session.get_one(Skillpack, tenant.skillpack_id)
        pack.active_deployment_id = newer.id
    response, ways = await submit(client, used_key)
    assert (response.json()["deployment_version"], ways) == (2, ["fast", "FastAPI"])
    response, ways = await submit(client, used_key)
    assert (response.json()["deployment_version"], ways) == (2, ["fast"])


async def test_version_of_an_environment_is_used_by_the_next_request(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key = await key_of(database, tenant)
    await run(database, "update api_keys set environment = 'staging' where project_id = :project_id", tenant)
    promote = """
        insert into environment_versions (skillpack_id, environment, project_id, active_deployment_id, activated_at,
                                          activated_by)
        values (:skillpack_id, 'staging', :project_id, :deployment_id, now(), '')
        on conflict (skillpack_id, environment) do update set active_deployment_id = excluded.active_deployment_id
    """
    values = {"skillpack_id": tenant.skillpack_id}
    await run(database, promote, tenant, **values)
    assert (await submit(client, key))[0].json()["deployment_version"] == 1
    async with database.transaction() as session:
        newer = make_deployment(tenant.project_id, tenant.skillpack_id, make_skill(), version=2)
        session.add(newer)
    await run(database, promote, tenant, **values, deployment_id=newer.id)
    response, ways = await submit(client, key)
    assert (response.json()["deployment_version"], ways) == (2, ["fast", "FastAPI"])


async def test_new_default_skillpack_is_used_by_the_next_request(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, used_key: dict[str, str]
) -> None:
    async with database.transaction() as session:
        await session.execute(
            text("update skillpacks set is_default = false where project_id = :project_id"),
            {"project_id": tenant.project_id},
        )
        pack = Skillpack(
            project_id=tenant.project_id, slug="new", name="New", is_default=True, last_version=1
        )
        session.add(pack)
        await session.flush()
        deployment = make_deployment(tenant.project_id, pack.id, make_skill())
        session.add(deployment)
        await session.flush()
        pack.active_deployment_id = deployment.id
    response, _ = await submit(client, used_key)
    assert UUID(response.json()["skillpack_id"]) == pack.id


async def test_budget_applies_to_the_next_request(
    client: httpx.AsyncClient, database: Database, tenant: Tenant, used_key: dict[str, str]
) -> None:
    async with database.transaction() as session:
        session.add(
            Budget(
                project_id=tenant.project_id,
                name="none",
                scope="project",
                period="day",
                limit_micros=1,
                enforce=True,
            )
        )
    response, ways = await submit(client, used_key)
    assert (response.status_code, ways) == (201, ["fast", "FastAPI"])
    await run(database, USED_UP, tenant)
    assert (await submit(client, used_key))[0].status_code == 402


async def test_higher_rate_applies_to_the_next_request(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key = await key_of(database, tenant, requests_per_minute=1)
    await submit(client, key)
    assert (await submit(client, key))[0].status_code == 429
    await run(
        database, "update api_keys set requests_per_minute = 1000 where project_id = :project_id", tenant
    )
    assert (await submit(client, key))[0].status_code == 201


async def test_request_is_counted_once(client: httpx.AsyncClient, database: Database, tenant: Tenant) -> None:
    key = await key_of(database, tenant, requests_per_minute=100)
    await submit(client, key)
    await run(
        database, "update api_keys set expires_at = '2100-01-01' where project_id = :project_id", tenant
    )
    response, ways = await submit(client, key)
    assert ways == ["fast", "FastAPI"]
    assert "r=98;" in response.headers["ratelimit"]


async def test_rejected_request_is_counted_once(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key, other = await key_of(database, tenant, requests_per_minute=1), await key_of(database, tenant)
    await run(database, LIMIT_REQUESTS, tenant)
    await submit(client, key)
    for _ in range(5):
        assert (await submit(client, key))[0].status_code == 429
    assert requests_left(await submit(client, other)) == MAX_REQUESTS - 7


async def test_revoked_key_uses_up_no_requests_of_its_project(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key = await key_of(database, tenant)
    await run(database, LIMIT_REQUESTS, tenant)
    await submit(client, key)
    await run(database, "update api_keys set revoked_at = now() where project_id = :project_id", tenant)
    ways = [(await submit(client, key))[1] for _ in range(5)]
    assert ways == [["fast"], [], [], [], []]
    assert requests_left(await submit(client, await key_of(database, tenant))) == MAX_REQUESTS - 3


async def test_remembered_skills_take_no_more_memory_than_cached_manifests(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key = await key_of(database, tenant)
    await submit(client, key)
    assert (await submit(client, key))[1] == ["fast"]
    for _ in range(2):
        async with database.transaction() as session:
            large = await make_tenant(session, make_skill(description="x" * manifests.MAX_KEPT_CHARACTERS))
        await submit(client, await key_of(database, large))
    gc.collect()
    assert (await submit(client, key))[1] == ["FastAPI"]
    assert (await submit(client, key))[1] == ["fast"]


async def test_expired_key_is_rejected_without_a_change(
    client: httpx.AsyncClient, database: Database, tenant: Tenant
) -> None:
    key = await key_of(database, tenant)
    await run(
        database,
        "update api_keys set expires_at = now() + interval '700 milliseconds' where project_id = :project_id",
        tenant,
    )
    status = 201
    while status == 201:  # until it expires
        response, ways = await submit(client, key)
        status = response.status_code
    assert (status, ways) == (401, [])


async def test_stamp_remains_without_a_change(database: Database, tenant: Tenant) -> None:
    async def stamp() -> UUID:
        async with database.transaction() as session:
            found = await session.execute(STAMP, {"project_id": tenant.project_id})
            stored: UUID = found.scalar_one()
            return stored

    before = await stamp()
    await run(database, "update skillpacks set last_version = 7 where project_id = :project_id", tenant)
    assert await stamp() == before


async def test_all_columns_that_are_read_are_watched(database: Database) -> None:
    async with database.transaction() as session:
        rows = (await session.execute(WATCHED)).all()
        for table, not_read in NOT_READ.items():
            columns = await session.execute(
                text("select column_name from information_schema.columns where table_name = :table"),
                {"table": table},
            )
            watched = {column for of, column in rows if of == table}
            assert {name for (name,) in columns} - not_read == watched, table
