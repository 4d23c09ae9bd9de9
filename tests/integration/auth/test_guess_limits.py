"""Guesses of credentials are rate limited by the real IP address, without an effect on other clients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.context import AppContext
from backend.identity.auth.rate_limits import sign_ins
from tests.integration.auth.conftest import World

PROXY = "10.0.0.1"


@pytest_asyncio.fixture
async def proxied(instance: AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client whose requests reach the instance through a trusted proxy."""
    settings = instance.settings.model_copy(update={"trusted_proxies": PROXY})
    app = create_app(settings)
    transport = httpx.ASGITransport(app, client=(PROXY, 1))
    async with (
        serving(app, instance),
        httpx.AsyncClient(transport=transport, base_url=settings.url) as client,
    ):
        client.cookies.set("puras_form_8123", "c")
        yield client


def unknown_key(number: int) -> dict[str, str]:
    return {"Authorization": f"Bearer puras_live_{number:08d}.{'x' * 32}"}


async def test_many_unknown_keys_from_one_address_are_rate_limited(client: httpx.AsyncClient) -> None:
    codes = [
        (await client.get("/v1/me", headers=unknown_key(number))).status_code
        for number in range(sign_ins.MAX_BAD_KEYS + 1)
    ]
    assert codes == [401] * sign_ins.MAX_BAD_KEYS + [429]
    response = await client.get("/v1/me", headers=unknown_key(0))
    assert response.json()["code"] == "too_many_bad_keys"
    assert 0 < int(response.headers["Retry-After"]) <= sign_ins.WINDOW_S


async def test_valid_key_is_accepted_from_a_rate_limited_address(
    client: httpx.AsyncClient, world: World
) -> None:
    headers = await world.key(await world.project("Acme"))
    for number in range(sign_ins.MAX_BAD_KEYS + 1):
        await client.get("/v1/me", headers=unknown_key(number))
    assert (await client.get("/v1/me", headers=headers)).status_code == 200


async def test_valid_key_writes_nothing_to_redis(
    client: httpx.AsyncClient, world: World, redis_url: str
) -> None:
    headers = await world.key(await world.project("Acme"))
    assert (await client.get("/v1/me", headers=headers)).status_code == 200
    async with Redis.from_url(redis_url) as redis:
        assert await redis.keys("*") == []


async def test_clients_behind_a_trusted_proxy_are_counted_separately(
    proxied: httpx.AsyncClient, world: World
) -> None:
    await world.user("ada@example.org")

    async def sign_in_status(address: str, email: str = "ada@example.org") -> int:
        fields = {"csrf": "c", "email": email, "password": "wrong words here"}
        response = await proxied.post("/sign-in", data=fields, headers={"X-Forwarded-For": address})
        return response.status_code

    guesser = [await sign_in_status("203.0.113.5") for _ in range(sign_ins.MAX_PER_PAIR + 1)]
    assert guesser == [401] * sign_ins.MAX_PER_PAIR + [429]
    assert await sign_in_status("198.51.100.8") == 401
    assert (
        await sign_in_status("1.2.3.4, 203.0.113.5") == 429
    )  # a forwarded address that the client adds itself is ignored


async def test_forwarded_for_is_ignored_without_trusted_proxies(
    client: httpx.AsyncClient, world: World
) -> None:
    await world.user("ada@example.org")
    client.cookies.set("puras_form_8123", "c")
    fields = {"csrf": "c", "email": "ada@example.org", "password": "wrong words here"}
    codes = [
        (
            await client.post("/sign-in", data=fields, headers={"X-Forwarded-For": f"198.51.100.{number}"})
        ).status_code
        for number in range(sign_ins.MAX_PER_PAIR + 1)
    ]
    assert codes == [401] * sign_ins.MAX_PER_PAIR + [429]


@pytest.mark.parametrize("password", ["three words make one", "wrong words here"])
async def test_unknown_email_gets_the_same_response(
    client: httpx.AsyncClient, world: World, password: str
) -> None:
    client.cookies.set("puras_form_8123", "c")
    response = await client.post(
        "/sign-in", data={"csrf": "c", "email": "unknown@example.org", "password": password}
    )
    assert response.status_code == 401
    assert "is wrong. Check both" in response.text
