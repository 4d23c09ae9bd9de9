"""Rate limits: the number of requests per minute, and the response headers that report it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from backend.identity.api_keys.keys import Limits
from backend.identity.auth.rate_limits import requests as rates
from tests.integration.auth.conftest import World
from tests.integration.limits.conftest import Serve

Headers = dict[str, str]

TIMEOUT_S = 3.0
"""Longer than a request takes on a busy host."""


@pytest.fixture(autouse=True)
def long_redis_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Raise the timeout of Redis: after a timeout, a process counts requests on its own."""
    monkeypatch.setattr(rates, "RESPONSE_TIMEOUT_S", 30.0)


async def statuses(client: httpx.AsyncClient, headers: Headers, requests: int) -> list[int]:
    return [(await client.get("/v1/me", headers=headers)).status_code for _ in range(requests)]


async def test_no_rate_is_counted_or_returned_without_a_rate_limit(
    client: httpx.AsyncClient, world: World, redis_url: str
) -> None:
    response = await client.get("/v1/me", headers=await world.key(await world.project("Acme")))
    assert response.status_code == 200
    assert "RateLimit" not in response.headers
    async with Redis.from_url(redis_url) as redis:
        assert await redis.keys("puras:rate*") == []


async def test_responses_have_the_remaining_rate_and_429_has_retry_after(serve: Serve, world: World) -> None:
    client = await serve(key_requests_per_minute=3)
    headers = await world.key(await world.project("Acme"))

    for left in (2, 1, 0):
        response = await client.get("/v1/me", headers=headers)
        assert response.status_code == 200
        assert response.headers["RateLimit-Policy"] == '"key";q=3;w=60'
        assert re.fullmatch(rf'"key";r={left};t=([1-9]|[1-5]\d|60)', response.headers["RateLimit"])

    rejected = await client.get("/v1/me", headers=headers)
    assert (rejected.status_code, rejected.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(rejected.headers["Retry-After"]) <= 60
    assert rejected.headers["RateLimit"].startswith('"key";r=0;t=')
    assert {key: rejected.json()[key] for key in ("limit", "window_s", "policy")} == {
        "limit": 3,
        "window_s": 60,
        "policy": "key",
    }


async def test_processes_of_one_instance_share_the_rate(serve: Serve, world: World) -> None:
    one, two = await serve(key_requests_per_minute=4), await serve(key_requests_per_minute=4)
    headers = await world.key(await world.project("Acme"))
    responses = await asyncio.gather(
        *(client.get("/v1/me", headers=headers) for client in (one, two) for _ in range(5))
    )
    assert sorted(response.status_code for response in responses) == [200] * 4 + [429] * 6


async def test_keys_have_separate_rates_and_share_the_project_rate(serve: Serve, world: World) -> None:
    client = await serve(key_requests_per_minute=2, project_requests_per_minute=3)
    project = await world.project("Acme")
    one, two = await world.key(project), await world.key(project)
    other = await world.key(await world.project("Other"))

    assert await statuses(client, one, 3) == [200, 200, 429]
    rejected = await client.get("/v1/me", headers=two)  # the rejected request also counted for the project
    assert (rejected.status_code, rejected.json()["policy"]) == (429, "project")
    assert rejected.headers["RateLimit-Policy"] == '"key";q=2;w=60, "project";q=3;w=60'
    assert await statuses(client, other, 1) == [200]


async def test_key_rate_can_be_lower_but_not_higher_than_the_default(serve: Serve, world: World) -> None:
    client = await serve(key_requests_per_minute=2)
    project = await world.project("Acme")
    fewer = await world.key(project, limits=Limits(requests_per_minute=1))
    more = await world.key(project, limits=Limits(requests_per_minute=50))
    assert await statuses(client, fewer, 2) == [200, 429]
    assert await statuses(client, more, 3) == [200, 200, 429]


async def test_admin_changes_the_rate_of_a_key_with_an_audit_record(
    client: httpx.AsyncClient, world: World
) -> None:
    admin = await world.key(await world.project("Acme"))
    made = (await client.post("/v1/api-keys", json={"name": "app"}, headers=admin)).json()
    assert made["requests_per_minute"] is None
    path = f"/v1/api-keys/{made['id']}"

    changed = await client.patch(path, json={"requests_per_minute": 1}, headers=admin)
    assert (changed.status_code, changed.json()["requests_per_minute"]) == (200, 1)
    its = {"Authorization": f"Bearer {made['key']}"}
    assert await statuses(client, its, 2) == [200, 429]
    assert (await client.patch(path, json={"requests_per_minute": 0}, headers=admin)).status_code == 422
    assert (await client.patch(path, json={}, headers=admin)).status_code == 422

    (row, *_) = (await client.get("/v1/audit", headers=admin)).json()
    assert row["action"] == "api_key.changed"
    assert row["details"] == {"requests_per_minute_before": None, "requests_per_minute": 1}


async def test_key_with_a_rate_cannot_remove_its_own_limit(client: httpx.AsyncClient, world: World) -> None:
    project = await world.project("Acme")
    held = await world.key(project, limits=Limits(requests_per_minute=100))
    (its,) = (await client.get("/v1/api-keys", headers=held)).json()
    for method, path, body in (
        ("PATCH", f"/v1/api-keys/{its['id']}", {"requests_per_minute": None}),
        ("POST", "/v1/api-keys", {"name": "free"}),
    ):
        assert (await client.request(method, path, json=body, headers=held)).status_code == 403


async def test_users_share_one_rate_over_sessions_and_anonymous_have_none(serve: Serve, world: World) -> None:
    client = await serve(key_requests_per_minute=2)
    ada = await world.user("ada@example.org")
    for expected in (200, 200, 429):
        browser = await world.browser(ada)
        response = await client.get(
            "/v1/me", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in browser.cookies.items())}
        )
        assert response.status_code == expected
    assert await statuses(client, {}, 4) == [401] * 4


async def test_processes_count_separately_without_redis(serve: Serve, world: World) -> None:
    unavailable = Redis.from_url("redis://127.0.0.1:1", socket_connect_timeout=1.0)
    client = await serve(redis=unavailable, key_requests_per_minute=3)
    headers = await world.key(await world.project("Acme"))
    assert await statuses(client, headers, 5) == [200, 200, 200, 429, 429]
    await unavailable.aclose()


async def test_unresponsive_redis_costs_one_timeout_and_is_used_again_later(
    serve: Serve, world: World, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rates, "RESPONSE_TIMEOUT_S", TIMEOUT_S)
    async with redis_proxy(redis_url) as valve:
        redis = Redis.from_url(f"redis://127.0.0.1:{valve.port}", socket_connect_timeout=1.0)
        client = await serve(redis=redis, key_requests_per_minute=1000)
        headers = await world.key(await world.project("Acme"))
        took = [await _timed(client, headers) for _ in range(6)]
        assert TIMEOUT_S <= took[0] < 3 * TIMEOUT_S
        assert max(took[1:]) < TIMEOUT_S

        valve.is_open.set()
        async with asyncio.timeout(10), Redis.from_url(redis_url) as real:
            while not await real.keys("puras:rate*"):
                assert (await client.get("/v1/me", headers=headers)).status_code == 200
        await redis.aclose()


@dataclass
class Valve:
    """A proxy of Redis that accepts connections immediately, and forwards no data while it is closed."""

    port: int = 0
    is_open: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def redis_proxy(redis_url: str) -> AsyncIterator[Valve]:
    valve = Valve()
    async with Redis.from_url(redis_url) as real:
        kwargs = real.connection_pool.connection_kwargs
    pumps: set[asyncio.Task[None]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await valve.is_open.wait()
        while data := await reader.read(65536):
            writer.write(data)

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if "path" in kwargs:
            upstream = await asyncio.open_unix_connection(kwargs["path"])
        else:
            upstream = await asyncio.open_connection(kwargs["host"], kwargs["port"])
        writers.update((writer, upstream[1]))
        pumps.add(asyncio.create_task(pump(reader, upstream[1])))
        pumps.add(asyncio.create_task(pump(upstream[0], writer)))

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    valve.port = server.sockets[0].getsockname()[1]
    try:
        yield valve
    finally:
        server.close()
        for one in pumps:
            one.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # the aborted connections close in the next iteration of the event loop


async def _timed(client: httpx.AsyncClient, headers: Headers) -> float:
    began = time.monotonic()
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    return time.monotonic() - began


@pytest.mark.parametrize("value", [0, -1, "many"])
async def test_invalid_rate_is_reported_with_its_path(
    client: httpx.AsyncClient, world: World, value: Any
) -> None:
    headers = await world.key(await world.project("Acme"))
    response = await client.post("/v1/api-keys", json={"requests_per_minute": value}, headers=headers)
    assert (response.status_code, response.json()["errors"][0]["path"]) == (422, "requests_per_minute")
