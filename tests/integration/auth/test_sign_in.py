"""The setup link, sign-in and sign-out in a browser."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import func, select

from backend.app import create_app, serving
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth.errors import TooManySignIns
from backend.identity.auth.rate_limits import sign_ins
from backend.identity.tables import AuditRow, Session, User
from backend.sign_in import setup

PASSWORD = "three words make one"


def browse(app: FastAPI, url: str = "http://127.0.0.1:8123") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no field {name}"
    return found[1]


async def send(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open the form, fill it in and submit it."""
    page = (await browser.get(path)).text
    names = re.findall(r'type="hidden" name="(\w+)"', page)
    return await browser.post(
        path.split("?")[0], data={**{name: hidden(page, name) for name in names}, **fields}
    )


async def create_link(database: Database) -> str:
    async with database.transaction() as session:
        return await setup.issue(session)


async def test_setup_link_creates_and_signs_in_the_owner_once(
    app: FastAPI, world: Any, database: Database
) -> None:
    project = await world.project("Made before the first account")
    path = f"/setup?token={await create_link(database)}"
    async with browse(app) as browser:
        response = await send(browser, path, name="Ada", email=" Ada@Example.org ", password=PASSWORD)
        assert (response.status_code, response.headers["Location"]) == (303, "/")
        cookie = next(
            c for c in response.headers.get_list("Set-Cookie") if c.startswith("puras_session_8123=")
        )
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie

        me = (await browser.get("/v1/me")).json()
        assert me["user"]["email"] == "ada@example.org"
        assert me["user"]["is_operator"] is True
        assert [(one["id"], one["role"]) for one in me["projects"]] == [(str(project.id), "owner")]

        assert (await browser.get(path)).status_code == 403
    async with database.transaction() as session:
        with pytest.raises(setup.AlreadySetUp):
            await setup.issue(session)


async def test_twenty_concurrent_uses_of_the_setup_link_create_one_owner(
    app: FastAPI, database: Database
) -> None:
    path = f"/setup?token={await create_link(database)}"

    async def attempt(number: int) -> int:
        async with browse(app) as browser:
            fields = {"email": f"p{number}@example.org", "password": PASSWORD}
            return (await send(browser, path, **fields)).status_code

    codes = await asyncio.gather(*(attempt(number) for number in range(20)))

    assert codes.count(303) == 1
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(User)) == 1


async def test_weak_password_is_rejected_and_the_link_stays_valid(app: FastAPI, database: Database) -> None:
    path = f"/setup?token={await create_link(database)}"
    async with browse(app) as browser:
        for weak in ("short", "aaaaaaaaaaaaaaaa", "ada@example.org", "x" * 300):
            response = await send(browser, path, email="ada@example.org", password=weak)
            assert response.status_code == 422
            assert "password" in response.text
            assert weak not in response.text.replace('value="ada@example.org"', "")
        response = await send(browser, path, email="ada@example.org", password=PASSWORD)
        assert response.status_code == 303


@pytest.mark.parametrize("token", ["", "made-up", "x" * 200, "\ud7ff"])
async def test_invented_setup_link_is_rejected(client: httpx.AsyncClient, token: str) -> None:
    assert (await client.get("/setup", params={"token": token})).status_code == 403


async def test_newer_setup_link_replaces_the_previous_one(
    client: httpx.AsyncClient, database: Database
) -> None:
    first, second = await create_link(database), await create_link(database)
    assert (await client.get(f"/setup?token={first}")).status_code == 403
    assert (await client.get(f"/setup?token={second}")).status_code == 200


async def test_user_signs_in_and_out(app: FastAPI, world: Any, database: Database) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        response = await send(
            browser, "/sign-in?next=/p/demo?tab=1", email="ADA@example.org", password=PASSWORD
        )
        assert (response.status_code, response.headers["Location"]) == (303, "/p/demo?tab=1")
        assert (await browser.get("/sign-in?next=/p/demo")).headers["Location"] == "/p/demo"
        csrf = (await browser.get("/v1/me")).json()["csrf_token"]
        token = browser.cookies["puras_session_8123"]

        assert (await browser.post("/sign-out")).status_code == 403
        assert (await browser.post("/sign-out", data={"csrf": csrf})).headers["Location"] == "/sign-in"
        assert "puras_session_8123" not in browser.cookies
        browser.cookies.set("puras_session_8123", token)
        assert (await browser.get("/v1/me")).status_code == 401
    async with database.transaction() as session:
        acts = (await session.scalars(select(AuditRow.action).order_by(AuditRow.id))).all()
    assert acts == ["user.created", "session.began", "session.ended"]


async def test_second_sign_in_ends_the_previous_session(app: FastAPI, world: Any, database: Database) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        await send(browser, "/sign-in", email="ada@example.org", password=PASSWORD)
        first = browser.cookies["puras_session_8123"]
        csrf = {"csrf": "same", "email": "ada@example.org", "password": PASSWORD}
        browser.cookies.set("puras_form_8123", "same")
        await browser.post("/sign-in", data=csrf)
        assert browser.cookies["puras_session_8123"] != first
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(Session)) == 1


async def test_response_does_not_reveal_whether_the_email_exists(app: FastAPI, world: Any) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        known = await send(browser, "/sign-in", email="ada@example.org", password="wrong words here")
        unknown = await send(browser, "/sign-in", email="bob@example.org", password="wrong words here")
    assert known.status_code == unknown.status_code == 401
    assert known.text.replace("ada@", "bob@") == unknown.text


async def test_a_disabled_account_cannot_sign_in_and_its_sessions_end(
    app: FastAPI, world: Any, database: Database
) -> None:
    user = await world.user("ada@example.org")
    signed_in = await world.browser(user)
    async with database.transaction() as session:
        (await session.get_one(User, user.id)).disabled_at = now()
    async with browse(app) as browser:
        assert (await send(browser, "/sign-in", email=user.email, password=PASSWORD)).status_code == 401
    assert (await signed_in.get("/v1/me")).status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Cookie": "puras_form_8123="}]
)
async def test_form_of_another_site_is_rejected(app: FastAPI, world: Any, headers: dict[str, str]) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        csrf = hidden((await browser.get("/sign-in")).text, "csrf")
        fields = {"csrf": csrf, "email": "ada@example.org", "password": PASSWORD}
        response = await browser.post("/sign-in", data=fields, headers=headers)
        assert response.status_code == 403
        assert "puras_session_8123" not in browser.cookies


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/a\nSet-Cookie: x=1",
        "",
        "é",
    ],
)
async def test_sign_in_redirects_only_within_the_site(app: FastAPI, world: Any, target: str) -> None:
    await world.user("ada@example.org")
    async with browse(app) as browser:
        page = await browser.get("/sign-in")
        fields = {
            "csrf": hidden(page.text, "csrf"),
            "email": "ada@example.org",
            "password": PASSWORD,
            "next": target,
        }
        response = await browser.post("/sign-in", data=fields)
    assert (response.status_code, response.headers["Location"]) == (303, "/")


async def test_form_input_is_escaped_in_html(app: FastAPI) -> None:
    async with browse(app) as browser:
        evil = '"><script>alert(1)</script>'
        response = await send(browser, "/sign-in", email=evil, password="x", next=evil)
    assert "<script" not in response.text
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("redis_is_unavailable", [False, True])
async def test_password_guesses_are_rate_limited(
    app: FastAPI, world: Any, *, redis_is_unavailable: bool
) -> None:
    if redis_is_unavailable:
        app.state.throttle = sign_ins.Throttle(Redis.from_url("redis://127.0.0.1:1"))
    await world.user("ada@example.org")
    async with browse(app) as browser:
        fields = {"csrf": "c", "email": "ada@example.org", "password": "wrong words here"}
        browser.cookies.set("puras_form_8123", "c")
        codes = [
            (await browser.post("/sign-in", data=fields)).status_code
            for _ in range(sign_ins.MAX_PER_PAIR + 1)
        ]
        assert codes == [401] * sign_ins.MAX_PER_PAIR + [429]
        response = await browser.post("/sign-in", data={**fields, "password": PASSWORD})
        assert response.status_code == 429
        assert 0 < int(response.headers["Retry-After"]) <= sign_ins.WINDOW_S
        other = await browser.post("/sign-in", data={**fields, "email": "bob@example.org"})
        assert other.status_code == 401


async def test_password_guesses_from_many_addresses_are_rate_limited(app: FastAPI) -> None:
    counter: sign_ins.Throttle = app.state.throttle
    for number in range(sign_ins.MAX_PER_EMAIL):
        await counter.count(address=f"10.0.0.{number}", email="ada@example.org")
    with pytest.raises(TooManySignIns):
        await counter.count(address="10.0.1.1", email="ada@example.org")
    await counter.clear(address="10.0.1.1", email="ada@example.org")
    await counter.count(address="10.0.1.1", email="ada@example.org")


async def test_addresses_of_one_ipv6_network_count_as_one(app: FastAPI) -> None:
    counter: sign_ins.Throttle = app.state.throttle
    for number in range(sign_ins.MAX_PER_ADDRESS):
        await counter.count(address=f"2001:db8::{number:x}", email=f"{number}@example.org")
    with pytest.raises(TooManySignIns):
        await counter.count(address="2001:db8::ffff", email="ada@example.org")
    await counter.count(address="2001:db8:0:1::1", email="ada@example.org")


async def test_session_cookie_is_secure_and_host_only_with_https(
    instance: AppContext, world: Any, database: Database
) -> None:
    await world.user("ada@example.org")
    settings = instance.settings.model_copy(update={"public_url": "https://studio.example"})
    app = create_app(settings)
    async with (
        serving(app, replace(instance, settings=settings)),
        browse(app, "https://studio.example") as browser,
    ):
        response = await send(browser, "/sign-in", email="ada@example.org", password=PASSWORD)
    cookie = next(c for c in response.headers.get_list("Set-Cookie") if c.startswith("__Host-puras_session="))
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert "Strict-Transport-Security" in response.headers
