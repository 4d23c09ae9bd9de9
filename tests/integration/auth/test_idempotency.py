"""Idempotency keys: a repeated POST request has no second effect."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select, update

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth.actors import operator
from backend.identity.idempotency import service
from backend.identity.idempotency.tables import IdempotencyKey
from backend.identity.tables import ApiKey


async def count(database: Database, table: Any) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_repeated_request_returns_the_identical_response(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": "one"}

    first = await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers)
    second = await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers)

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert await count(database, ApiKey) == 2


async def test_hundred_concurrent_repeats_have_one_effect(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": "one"}

    responses = await asyncio.gather(
        *(client.post("/v1/api-keys", json={"name": "ci"}, headers=headers) for _ in range(100))
    )

    assert {response.status_code for response in responses} == {201}
    assert len({response.content for response in responses}) == 1
    assert sum("Idempotent-Replayed" in response.headers for response in responses) == 99
    assert await count(database, ApiKey) == 2


async def test_same_key_with_another_body_is_rejected(client: httpx.AsyncClient, world: Any) -> None:
    project = await world.project("Mine")
    headers = await world.key(project) | {"Idempotency-Key": "one"}
    await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers)

    response = await client.post("/v1/api-keys", json={"name": "other"}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")

    another = await world.key(project) | {"Idempotency-Key": "one"}
    assert (await client.post("/v1/api-keys", json={"name": "other"}, headers=another)).status_code == 201


async def test_key_of_a_failed_request_can_be_used_again(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": "one"}
    wrong = await client.post("/v1/api-keys", json={"scopes": ["everything"]}, headers=headers)
    assert wrong.status_code == 422

    assert (await client.post("/v1/api-keys", json={"scopes": []}, headers=headers)).status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_invalid_key_is_rejected(client: httpx.AsyncClient, world: Any, key: str) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": key}
    assert (await client.post("/v1/api-keys", json={}, headers=headers)).status_code == 400


async def test_response_with_an_api_key_is_not_stored_in_plaintext(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": "one"}
    made = (await client.post("/v1/api-keys", json={}, headers=headers)).json()

    async with database.transaction() as session:
        stored = (await session.scalars(select(IdempotencyKey.answer))).one()
    assert made["key"] not in str(stored)
    assert made["prefix"] not in str(stored)


async def test_key_can_be_used_again_after_a_day(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    headers = await world.key(await world.project("Mine")) | {"Idempotency-Key": "one"}
    await client.post("/v1/api-keys", json={"name": "ci"}, headers=headers)
    async with database.transaction() as session:
        await session.execute(update(IdempotencyKey).values(created_at=now() - timedelta(hours=25)))

    response = await client.post("/v1/api-keys", json={"name": "another"}, headers=headers)
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response.headers

    async with database.transaction() as session:
        await session.execute(update(IdempotencyKey).values(created_at=now() - timedelta(hours=25)))
        assert await service.sweep(session) == 1


async def test_replayed_request_has_the_id_of_its_job(database: Database) -> None:
    caller, job_id = operator(uuid4()), uuid4()
    async with database.transaction() as session:
        claimed = await service.claim(session, caller, "one", "f" * 64)
        assert isinstance(claimed, service.Claim)
        await service.store_job(session, claimed, job_id)

    async with database.transaction() as session:
        replayed = await service.claim(session, caller, "one", "f" * 64)
    assert isinstance(replayed, service.Replayed)
    assert replayed.job_id == job_id
