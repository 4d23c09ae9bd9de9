"""API keys of projects for model providers: stored, never returned, and not shared between projects."""

from __future__ import annotations

from typing import Any

import httpx
from cryptography.fernet import Fernet
from sqlalchemy import text

from backend.administration.key_rotation import reencrypt
from backend.context import AppContext
from backend.core.vault.vault import Vault
from backend.integrations.providers import service
from backend.integrations.providers.service import OwnKey
from backend.skills.model_catalog import catalog
from tests.integration.auth.conftest import World

KEY = "sk-ant-plainly-visible-0123456789"


async def put(
    client: httpx.AsyncClient, headers: dict[str, str], family: str = "claude", **body: Any
) -> httpx.Response:
    return await client.put(f"/v1/providers/{family}", json={"api_key": KEY, **body}, headers=headers)


async def test_key_is_added_listed_replaced_and_deleted(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    before = (await client.get("/v1/providers", headers=headers)).json()
    assert [one["family"] for one in before] == ["claude", "gemini", "gpt"]
    assert not any(one["has_own_key"] for one in before)
    first = await put(client, headers)
    assert (first.status_code, first.json()["has_own_key"]) == (200, True)
    assert "claude/sonnet-4-6" in first.json()["models"]
    second = await put(client, headers, base_url="https://gateway.example.org/llm/v1/")
    assert second.json()["base_url"] == "https://gateway.example.org/llm"
    assert (await client.get("/v1/providers/claude", headers=headers)).json() == second.json()
    assert KEY not in second.text
    assert (await client.delete("/v1/providers/claude", headers=headers)).status_code == 204
    deleted = await client.delete("/v1/providers/claude", headers=headers)
    assert (deleted.status_code, deleted.json()["code"]) == (404, "provider_key_not_found")


async def test_server_of_project_may_speak_another_api(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project = await world.project("Acme")
    headers = await world.key(project)
    listed = await client.get("/v1/providers/gpt", headers=headers)
    assert listed.json()["api"] == catalog.current().endpoint_of("gpt").api
    set_ = await put(client, headers, "gpt", base_url="https://models.example.org", api="chat")
    assert (set_.json()["api"], set_.json()["base_url"]) == ("chat", "https://models.example.org/v1")
    async with instance.database.transaction() as session:
        keys = await service.for_job(session, instance.vault, project.id)
    assert keys == {"gpt": OwnKey(KEY, "https://models.example.org/v1", "chat")}
    reset = await put(client, headers, "gpt", base_url="https://models.example.org/v1")
    assert (reset.json()["api"], reset.json()["base_url"]) == ("messages", "https://models.example.org")


async def test_key_is_not_stored_in_plaintext_and_is_available_to_jobs(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project, other = await world.project("Acme"), await world.project("Other")
    await put(client, await world.key(project), base_url="https://gateway.example.org")
    async with instance.database.transaction() as session:
        for table in ("provider_keys", "audit_rows"):
            rows = (await session.execute(text(f"select t::text from {table} t"))).scalars().all()
            assert rows
            assert KEY not in str(rows)
        mine = await service.for_job(session, instance.vault, project.id)
        theirs = await service.for_job(session, instance.vault, other.id)
    assert mine == {"claude": OwnKey(KEY, "https://gateway.example.org")}
    assert KEY not in repr(mine)
    assert theirs == {}


async def test_other_project_can_neither_see_nor_delete_key(client: httpx.AsyncClient, world: World) -> None:
    mine = await world.key(await world.project("Acme"))
    theirs = await world.key(await world.project("Other"))
    await put(client, mine)
    assert not (await client.get("/v1/providers/claude", headers=theirs)).json()["has_own_key"]
    assert (await client.delete("/v1/providers/claude", headers=theirs)).status_code == 404
    assert (await client.get("/v1/providers/claude", headers=mine)).json()["has_own_key"]


INVALID = [
    ({"base_url": "http://api.example.org"}, "not https"),
    ({"api": "chat"}, "'api' is that of the server at 'base_url'"),
    ({"base_url": "https://127.0.0.1:8000"}, "PURAS_PROVIDER_HOSTS=127.0.0.1:8000"),
    ({"base_url": "https://169.254.169.254"}, "not a public address"),
    ({"base_url": "https://[::1]"}, "not a public address"),
    ({"base_url": "https://[::ffff:10.0.0.1]"}, "not a public address"),
    ({"base_url": "https://localhost"}, "not a public address"),
    ({"base_url": "https://2130706433"}, "not a public address"),
    ({"base_url": "https://127.1"}, "not a public address"),
    ({"base_url": "https://0x7f.0x1"}, "not a public address"),
    ({"base_url": "https://me:pw@api.example.org"}, "more than a host"),
    ({"base_url": "https://api.example.org?x=1"}, "more than a host"),
    ({"base_url": "ftp://api.example.org"}, "not a URL"),
    ({"base_url": "https://api.example.org\r\nX: y"}, "not a URL"),
    ({"base_url": "https://api.example.org:99999"}, "not a URL"),
    ({"api_key": ""}, "1 to 8000 characters"),
    ({"api_key": "sk ant"}, "a space"),
    ({"api_key": "sk\nant"}, "a space"),
    ({"key": "x"}, "key"),
]


async def test_invalid_key_is_rejected_with_a_fix(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    for body, message in INVALID:
        rejected = await put(client, headers, **body)
        assert rejected.status_code == 422, body
        assert message in rejected.text, body
        assert KEY not in rejected.text, body


async def test_unknown_family_error_suggests_the_nearest(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    for response in (
        await put(client, headers, "cloude"),
        await client.get("/v1/providers/cloude", headers=headers),
    ):
        assert (response.status_code, response.json()["code"]) == (404, "unknown_family")
        assert "Did you mean 'claude'?" in response.json()["detail"]
    assert (await put(client, headers, "puras")).status_code == 404


async def test_keys_are_reencrypted_with_newest_key_of_instance(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project = await world.project("Acme")
    await put(client, await world.key(project))
    newest = Fernet.generate_key().decode()
    both = Vault([newest, *instance.vault.export().split()])
    assert (await reencrypt(instance.database, both)).secrets == 1
    async with instance.database.transaction() as session:
        keys = await service.for_job(session, Vault([newest]), project.id)
    assert keys["claude"].api_key == KEY


async def test_prices_include_margin_and_hide_upstream_names(client: httpx.AsyncClient, world: World) -> None:
    response = await client.get("/v1/pricing", headers=await world.key(await world.project("Acme")))
    models = {one["model"]: one for one in response.json()["models"]}
    sonnet, haiku = models["claude/sonnet-4-6"], models["claude/haiku-5-5"]
    assert sonnet["per_million_tokens"]["input_micros"] == 3_600_000
    assert sonnet["per_million_tokens"]["cache_read_micros"] == 360_000
    assert (haiku["long_prompts_above_tokens"], haiku["long_prompts"]["output_micros"]) == (
        100_000,
        3_000_000,
    )
    assert models["puras/rehearsal"]["per_million_tokens"]["output_micros"] == 0
    media = {one["model"]: one for one in response.json()["media"]}
    assert (media["google/nano-banana"]["per"], media["google/nano-banana"]["micros"]) == ("image", 46_800)
    assert "openai/" not in str(models)
    assert "fal-ai" not in response.text
