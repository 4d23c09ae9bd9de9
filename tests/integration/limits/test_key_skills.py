"""A key with a list of skills runs only the skills of the named skillpacks, not others of the same name."""

from __future__ import annotations

import httpx
import pytest
from sqlalchemy import text

from backend.core.db.engine import Database
from backend.identity.api_keys.keys import Limits
from backend.migrations import run
from backend.skills.archives.pack import pack_files
from tests.integration.auth.conftest import World
from tests.integration.deployments.conftest import BUNDLE

Headers = dict[str, str]


async def deploy(client: httpx.AsyncClient, headers: Headers, database: Database) -> None:
    """Deploy the skill `double` in the default skillpack and in another one."""
    await client.post("/v1/skillpacks", json={"name": "Media"}, headers=headers)
    for where in ("/v1", "/v1/skillpacks/media"):
        files = {"bundle": ("b.zip", pack_files(BUNDLE), "application/zip")}
        assert (await client.post(f"{where}/deployments", files=files, headers=headers)).status_code == 201
    async with database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 1000000"))


@pytest.mark.parametrize(
    ("allowlist", "default", "media"),
    [
        (["double"], 201, 403),
        (["media/double"], 403, 201),
        (["*/double"], 201, 201),
        (["other"], 403, 403),
        ([], 201, 201),
    ],
)
async def test_each_allowlist_entry_allows_the_named_skills(
    client: httpx.AsyncClient,
    world: World,
    database: Database,
    allowlist: list[str],
    default: int,
    media: int,
) -> None:
    project = await world.project("Acme")
    await deploy(client, await world.key(project), database)
    key = await world.key(project, limits=Limits(skill_allowlist=allowlist))

    async def submit(skill: str, **query: str) -> int:
        body = {"skill": skill, "inputs": {"n": 1}}
        return (await client.post("/v1/jobs", json=body, params=query, headers=key)).status_code

    # A name without a skillpack means the one that the key may run.
    assert await submit("double") == (201 if 201 in (default, media) else 403)
    assert await submit("default/double") == default
    assert await submit("media/double") == media
    assert await submit("double", skillpack="media") == media


async def test_invalid_skill_name_is_rejected_when_the_key_is_created(
    client: httpx.AsyncClient, world: World
) -> None:
    headers = await world.key(await world.project("Acme"))
    response = await client.post("/v1/api-keys", json={"skill_allowlist": ["ok", "a/b/c"]}, headers=headers)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "skill_allowlist[1]")


async def test_migrated_allowlists_keep_their_meaning(
    database_url: str, database: Database, world: World
) -> None:
    project = await world.project("Acme")
    await world.key(project, limits=Limits(skill_allowlist=["double", "media/resize"]))
    run.downgrade(database_url, "0001")
    async with database.transaction() as session:
        await session.execute(text("update api_keys set skill_allowlist = '{grow,double}'"))
    run.upgrade(database_url)
    async with database.transaction() as session:
        (kept,) = (await session.execute(text("select skill_allowlist from api_keys"))).scalars()
    assert kept == ["*/double", "*/grow"]  # these entries already applied to all skillpacks
