"""Secrets over REST and in jobs: they are write-only and separate for each project."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from backend.context import AppContext
from backend.data.secrets import service
from backend.data.secrets.service import JobSecrets
from backend.identity.api_keys.keys import Limits
from backend.identity.tables import Project
from backend.skills.skillpacks.tables import Skillpack
from tests.integration.auth.conftest import World

VALUE = 'sk-live "quoted" ☃ value'


async def put(
    client: httpx.AsyncClient, headers: dict[str, str], name: str, value: str, path: str = "/v1/secrets"
) -> httpx.Response:
    return await client.put(path, json={"name": name, "value": value}, headers=headers)


async def add_skillpack(instance: AppContext, project: Project, slug: str) -> Skillpack:
    async with instance.database.transaction() as session:
        skillpack = Skillpack(project_id=project.id, slug=slug, name=slug)
        session.add(skillpack)
    return skillpack


async def secrets_of(
    instance: AppContext, project: Project, skillpack: Skillpack, environment: str = "production"
) -> JobSecrets:
    async with instance.database.transaction() as session:
        return await service.for_job(
            session,
            instance.vault,
            project_id=project.id,
            skillpack_id=skillpack.id,
            environment=environment,
        )


async def test_a_secret_is_set_listed_replaced_and_deleted(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    first = await put(client, headers, "API_TOKEN", VALUE)
    assert first.status_code == 200
    second = await put(client, headers, "API_TOKEN", "another value")
    assert second.json()["updated_at"] > first.json()["updated_at"]
    listed = await client.get("/v1/secrets", headers=headers)
    assert listed.json() == [second.json()]
    assert set(second.json()) == {"name", "environment", "updated_at"}
    assert (await client.delete("/v1/secrets/API_TOKEN", headers=headers)).status_code == 204
    gone = await client.delete("/v1/secrets/API_TOKEN", headers=headers)
    assert (gone.status_code, gone.json()["code"]) == (404, "secret_not_found")
    assert (await client.get("/v1/secrets", headers=headers)).json() == []


async def test_secret_value_is_not_in_the_database_or_the_audit_log(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    headers = await world.key(await world.project("Acme"))
    await put(client, headers, "API_TOKEN", "plainly-visible-value")
    async with instance.database.transaction() as session:
        rows = [str(row) for row in await session.execute(text("select s::text from secrets s"))]
        rows += [str(row) for row in await session.execute(text("select a::text from audit_rows a"))]
    assert any("secret.set" in row for row in rows)
    assert any("enc:v1:" in row for row in rows)
    assert not any("plainly-visible-value" in row for row in rows)


async def test_skillpack_secrets_override_project_secrets_of_a_job(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project, other = await world.project("Acme"), await world.project("Other")
    headers = await world.key(project)
    pack, sibling = [await add_skillpack(instance, project, slug) for slug in ("images", "texts")]
    await put(client, headers, "SHARED", "of the project")
    await put(client, headers, "BOTH", "of the project")
    await put(client, headers, "BOTH", VALUE, "/v1/skillpacks/images/secrets")
    await put(client, headers, "SIBLING", "of the sibling", f"/v1/skillpacks/{sibling.id}/secrets")
    await put(client, await world.key(other), "FOREIGN", "of another project")
    assert (await secrets_of(instance, project, pack)).values == {"SHARED": "of the project", "BOTH": VALUE}
    listed = await client.get("/v1/skillpacks/images/secrets", headers=headers)
    assert [row["name"] for row in listed.json()] == ["BOTH"]


async def test_version_changes_only_with_a_change_of_the_secrets(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project = await world.project("Acme")
    headers = await world.key(project)
    pack = await add_skillpack(instance, project, "images")
    versions = []
    for name, value in (("A", "first value"), ("A", "other value"), ("B", "first value")):
        await put(client, headers, name, value)
        before, after = [await secrets_of(instance, project, pack) for _ in range(2)]
        assert before.version == after.version
        versions.append(after.version)
    assert len(set(versions)) == 3
    assert "first value" not in repr(after)


async def test_skillpack_of_another_project_is_not_found(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    headers = await world.key(await world.project("Acme"))
    foreign = await add_skillpack(instance, await world.project("Other"), "images")
    for named in ("images", str(foreign.id), "no such", "%2e%2e"):
        response = await put(client, headers, "A", "value", f"/v1/skillpacks/{named}/secrets")
        assert response.status_code == 404, named


@pytest.mark.parametrize(
    "name",
    [
        *("", "lower", "1A", "A-B", "A B", "A=B", "É", "A\n", "A" * 129),
        *("PATH", "HOME", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "PYTHONPATH", "PYTHONHOME", "BASH_ENV"),
        *("HTTPS_PROXY", "GLIBC_TUNABLES", "PURAS_API_BASE", "TRACEPARENT", "OMP_NUM_THREADS"),
    ],
)
async def test_invalid_or_reserved_variable_name_is_rejected(
    client: httpx.AsyncClient, world: World, name: str
) -> None:
    response = await put(client, await world.key(await world.project("Acme")), name, "value")
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == "name"


@pytest.mark.parametrize("value", ["", "x" * (64 * 1024 + 1), "é" * (32 * 1024 + 1)])
async def test_value_that_is_invalid_in_an_environment_is_rejected(
    client: httpx.AsyncClient, world: World, value: str
) -> None:
    response = await put(client, await world.key(await world.project("Acme")), "A", value)
    assert (response.status_code, response.json()["code"]) == (422, "bad_secret")
    assert value[:50] not in response.text or not value


@pytest.mark.parametrize("value", ["nul \\u0000 inside", "half \\ud800 of a character"])
async def test_text_that_cannot_be_stored_is_rejected(
    client: httpx.AsyncClient, world: World, value: str
) -> None:
    response = await client.put(
        "/v1/secrets",
        content=f'{{"name": "A", "value": "{value}"}}',
        headers={**await world.key(await world.project("Acme")), "Content-Type": "application/json"},
    )
    assert response.status_code == 422


async def test_number_of_secrets_is_limited(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    for number in range(6):
        assert (await put(client, headers, f"BIG_{number}", "x" * 63_000)).status_code == 200
    full = await put(client, headers, "BIG_6", "x" * 63_000)
    assert (full.status_code, full.json()["code"]) == (409, "too_many_secrets")
    assert (await put(client, headers, "BIG_5", "y" * 63_000)).status_code == 200


async def test_scopes_roles_and_key_kinds_are_enforced(client: httpx.AsyncClient, world: World) -> None:
    project = await world.project("Acme")
    publishable = await world.key(project, "publishable")
    reader = await world.key(project, limits=Limits(scopes=["secrets:read"]))
    for headers, expected in ((publishable, 403), (reader, 200), ({}, 401)):
        assert (await client.get("/v1/secrets", headers=headers)).status_code == expected
    for headers, expected in ((publishable, 403), (reader, 403), ({}, 401)):
        assert (await put(client, headers, "A", "value")).status_code == expected
        assert (await client.delete("/v1/secrets/A", headers=headers)).status_code == expected


async def test_value_of_an_environment_replaces_every_shared_one_there(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project = await world.project("Acme")
    headers = await world.key(project)
    pack = await add_skillpack(instance, project, "images")
    for path, environment, value in (
        ("/v1/secrets", None, "shared"),
        ("/v1/skillpacks/images/secrets", None, "shared-of-images"),
        ("/v1/secrets", "staging", "of-staging"),
    ):
        body = {"name": "TOKEN", "value": value, "environment": environment}
        assert (await client.put(path, json=body, headers=headers)).json()["environment"] == environment
    found = {
        name: await secrets_of(instance, project, pack, name)
        for name in ("development", "staging", "production")
    }
    assert {name: one.values["TOKEN"] for name, one in found.items()} == {
        "development": "shared-of-images",
        "staging": "of-staging",
        "production": "shared-of-images",
    }
    assert found["staging"].version != found["production"].version
    of_staging = await client.get("/v1/secrets", params={"environment": "staging"}, headers=headers)
    assert [(one["name"], one["environment"]) for one in of_staging.json()] == [("TOKEN", "staging")]
    query = {"environment": "staging"}
    assert (await client.delete("/v1/secrets/TOKEN", params=query, headers=headers)).status_code == 204
    assert (await secrets_of(instance, project, pack, "staging")).values["TOKEN"] == "shared-of-images"
