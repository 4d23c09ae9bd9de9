"""Prices that projects set for models which they call with their own keys."""

from __future__ import annotations

from typing import Any

import httpx

from backend.context import AppContext
from backend.integrations.providers import service
from backend.skills.model_catalog.catalog import Rates
from tests.integration.auth.conftest import World
from tests.integration.providers.test_provider_keys import put as put_key

HAIKU = "/v1/providers/claude/prices/haiku-4-5"
PRICE = {"input_usd": "0.8", "output_usd": 4, "cache_read_usd": 0.08}


async def priced(client: httpx.AsyncClient, headers: dict[str, str], model: str = "claude/haiku-4-5") -> Any:
    models = (await client.get("/v1/pricing", headers=headers)).json()["models"]
    return next(one for one in models if one["model"] == model)


async def test_price_of_project_replaces_that_of_the_catalog(
    client: httpx.AsyncClient, world: World, instance: AppContext
) -> None:
    project = await world.project("Acme")
    headers = await world.key(project)
    before = await priced(client, headers)
    assert (before["price_set_by"], before["price_date"]) == ("release", "2026-11-25")
    assert before["price_source"]
    await put_key(client, headers)
    assert (await client.put(HAIKU, json=PRICE, headers=headers)).status_code == 204
    after = await priced(client, headers)
    assert (after["price_set_by"], after["price_source"]) == ("project", "key:" + after["price_source"][4:])
    assert after["per_million_tokens"] == {
        "input_micros": 800_000,
        "output_micros": 4_000_000,
        "cache_write_5m_micros": 800_000,
        "cache_write_1h_micros": 800_000,
        "cache_read_micros": 80_000,
    }
    async with instance.database.transaction() as session:
        keys = await service.for_job(session, instance.vault, project.id)
    expected = Rates(800_000_000, 4_000_000_000, 800_000_000, 800_000_000, 80_000_000)
    assert keys["claude"].rates == {"claude/haiku-4-5": expected}
    assert (await client.delete(HAIKU, headers=headers)).status_code == 204
    assert await priced(client, headers) == before
    missing = await client.delete(HAIKU, headers=headers)
    assert (missing.status_code, missing.json()["code"]) == (404, "provider_price_not_found")


async def test_price_needs_a_key_and_is_deleted_with_it(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    rejected = await client.put(HAIKU, json=PRICE, headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (404, "provider_key_not_found")
    await put_key(client, headers)
    await client.put(HAIKU, json=PRICE, headers=headers)
    await put_key(client, headers, base_url="https://gateway.example.org")
    assert (await priced(client, headers))["price_set_by"] == "project"
    await client.delete("/v1/providers/claude", headers=headers)
    await put_key(client, headers)
    assert (await priced(client, headers))["price_set_by"] == "release"


async def test_price_belongs_to_its_project(client: httpx.AsyncClient, world: World) -> None:
    mine = await world.key(await world.project("Acme"))
    theirs = await world.key(await world.project("Other"))
    for headers in (mine, theirs):
        await put_key(client, headers)
    await client.put(HAIKU, json=PRICE, headers=mine)
    assert (await priced(client, theirs))["price_set_by"] == "release"
    assert (await client.delete(HAIKU, headers=theirs)).status_code == 404
    assert (await priced(client, mine))["price_set_by"] == "project"


async def test_invalid_price_is_rejected(client: httpx.AsyncClient, world: World) -> None:
    headers = await world.key(await world.project("Acme"))
    await put_key(client, headers)
    for changes, message in (
        ({"input_usd": -1}, "greater than or equal to 0"),
        ({"output_usd": 100_001}, "less than or equal to 100000"),
        ({"input_usd": "0.0000000001"}, "no more than 9 decimal places"),
        ({"input_usd": None}, "input_usd"),
        ({"cache": 1}, "cache"),
    ):
        rejected = await client.put(HAIKU, json={**PRICE, **changes}, headers=headers)
        assert rejected.status_code == 422, changes
        assert message in rejected.text, changes
    unknown = await client.put("/v1/providers/claude/prices/haiku-99", json=PRICE, headers=headers)
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_model")
    family = await client.put("/v1/providers/cloude/prices/haiku", json=PRICE, headers=headers)
    assert (family.status_code, family.json()["code"]) == (404, "unknown_family")
