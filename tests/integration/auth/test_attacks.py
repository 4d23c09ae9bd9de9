"""Common attacks: fixed session cookies, path variants, malformed forms, and secrets in the log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from structlog.testing import capture_logs

from backend.app import create_app, serving
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.identity.auth.accounts import passwords
from backend.sign_in import setup
from tests.integration.auth.conftest import PASSWORD, World, browse
from tests.integration.auth.test_sessions_and_passwords import NEW, send

SESSION = "puras_session_8123"
FORMS = ["/sign-in", "/setup", "/password", "/reset", "/sign-out"]


@pytest_asyncio.fixture
async def secure(instance: AppContext) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a browser of an instance with an https URL."""
    settings = instance.settings.model_copy(update={"public_url": "https://studio.example"})
    app = create_app(settings)
    async with serving(app, replace(instance, settings=settings)), browse(app) as client:
        client.base_url = httpx.URL("https://studio.example")
        yield client


def set_cookies(response: httpx.Response) -> list[str]:
    return response.headers.get_list("Set-Cookie")


async def test_session_cookie_set_by_an_attacker_is_replaced_at_sign_in(app: FastAPI, world: World) -> None:
    await world.user("ada@example.org")
    eve = await world.browser(await world.user("eve@example.org"))
    planted = eve.cookies[SESSION]
    async with browse(app) as victim:
        await victim.get("/sign-in")
        csrf = victim.cookies["puras_form_8123"]
        victim.cookies.set(SESSION, planted)
        fields = {"csrf": csrf, "email": "ada@example.org", "password": PASSWORD}
        response = await victim.post("/sign-in", data=fields)
        assert response.status_code == 303
        (given,) = [one for one in set_cookies(response) if one.startswith(f"{SESSION}=")]
        assert planted not in given
    assert (await eve.get("/v1/me")).status_code == 401  # the sign-in that replaced it also ended it


async def test_invented_session_cookie_is_replaced_at_sign_in(app: FastAPI, world: World) -> None:
    await world.user("ada@example.org")
    async with browse(app) as victim:
        await victim.get("/sign-in")
        csrf = victim.cookies["puras_form_8123"]
        victim.cookies.set(SESSION, "chosen-by-the-attacker")
        fields = {"csrf": csrf, "email": "ada@example.org", "password": PASSWORD}
        await victim.post("/sign-in", data=fields)
    async with browse(app) as attacker:
        attacker.cookies.set(SESSION, "chosen-by-the-attacker")
        assert (await attacker.get("/v1/me")).status_code == 401


FOR_SCRIPTS = "puras-preferences="
"""The theme and the time zone, which a script applies before the page is drawn. It grants nothing."""


async def test_cookies_are_http_only_and_same_site(app: FastAPI, world: World, database: Database) -> None:
    await world.user("ada@example.org")
    async with database.transaction() as session:
        link = f"/reset?token={await passwords.issue_reset(session, 'ada@example.org')}"
    async with browse(app) as browser:
        responses = [await browser.get("/sign-in"), await browser.get(link)]
        responses.append(await send(browser, link, password=NEW))
        responses.append(await browser.get("/password"))
        csrf = (await browser.get("/v1/me")).json()["csrf_token"]
        responses.append(await browser.post("/sign-out", data={"csrf": csrf}))
    found = [cookie for response in responses for cookie in set_cookies(response)]
    assert len(found) >= 5
    for cookie in found:
        assert "HttpOnly" in cookie or cookie.startswith(FOR_SCRIPTS)
        assert "SameSite=lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


async def test_cookies_are_secure_and_host_only_with_https(secure: httpx.AsyncClient, world: World) -> None:
    await world.user("ada@example.org")
    responses = [await secure.get("/sign-in")]
    responses.append(await send(secure, "/sign-in", email="ada@example.org", password=PASSWORD))
    found = [cookie for response in responses for cookie in set_cookies(response)]
    assert len(found) >= 3
    assert all("Secure" in cookie for cookie in found)
    assert all(cookie.startswith(("__Host-", FOR_SCRIPTS)) for cookie in found)


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "body",
    [
        b"email=%FF%FE&password=%ED%A0%80&csrf=c&token=%FF&current=%FF",
        b"email=%00&password=%00&csrf=%00&token=%00&current=%00",
        b"\xff\xfe\x00",
        b"email[]=a&email[b]=c&password=" + b"x" * 3000,
        b"&" * 5000,
        b"a=b&" * 1200,
    ],
    ids=["no utf-8", "nul", "no form", "odd names", "empty fields", "many fields"],
)
async def test_malformed_form_is_rejected_without_a_server_error(
    client: httpx.AsyncClient, world: World, path: str, body: bytes
) -> None:
    await world.user("ada@example.org")
    client.cookies.set("puras_form_8123", "c")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await client.post(path, content=body, headers=headers)
    assert response.status_code in (303, 400, 401, 403, 413, 422)
    assert SESSION not in client.cookies


@pytest.mark.parametrize("path", FORMS)
async def test_oversized_form_is_rejected(client: httpx.AsyncClient, path: str) -> None:
    body = b"email=" + b"x" * 100_000
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post(path, content=body, headers=headers)).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "//v1/me",
        "/v1//me",
        "/V1/me",
        "/v1/./me",
        "/v1/drive/signed/../../me",
        "/v1/drive/signed/..%2f..%2fme",
        "/%76%31/me",
        "/v1/me/",
        "/v1/me;a=b",
        "/v1/me%00",
    ],
)
async def test_no_spelling_of_a_path_bypasses_authentication(app: FastAPI, path: str) -> None:
    raw = path.encode()
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send_on(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": httpx.URL(f"http://a{path}").path if "%" in path else path,
        "raw_path": raw,
        "query_string": b"",
        "headers": [],
        "scheme": "http",
        "server": ("127.0.0.1", 8123),
        "client": ("127.0.0.1", 1),
        "http_version": "1.1",
    }
    await app(scope, receive, send_on)
    assert sent[0]["status"] in (400, 401, 403, 404, 405, 422)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO", "get", "POST"])
async def test_no_method_reads_without_credentials(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/v1/me")
    assert response.status_code in (401, 403, 405)


async def test_form_content_types_and_method_overrides_need_the_csrf_token(world: World) -> None:
    ada = await world.browser(await world.user("ada@example.org"))
    del ada.headers["X-CSRF-Token"]
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"):
        response = await ada.post("/v1/projects", content=b'{"name": "x"}', headers={"Content-Type": kind})
        assert response.json()["code"] == "csrf_failed"
    override = {"X-HTTP-Method-Override": "GET", "X-Method-Override": "GET"}
    response = await ada.post("/v1/projects", json={"name": "x"}, headers=override)
    assert response.json()["code"] == "csrf_failed"


async def test_passwords_and_reset_links_are_not_logged(
    app: FastAPI, world: World, database: Database
) -> None:
    await world.user("ada@example.org")
    async with database.transaction() as session:
        token = await passwords.issue_reset(session, "ada@example.org")
    with capture_logs() as logs:
        async with browse(app) as browser:
            await send(browser, f"/reset?token={token}", password="s3cret one")
            await send(browser, f"/reset?token={token}x", password="s3cret two")
            await send(browser, "/password", current="s3cret three", password="s3cret four")
            await send(browser, "/sign-in", email="ada@example.org", password="s3cret five")
            csrf = (await browser.get("/v1/me")).json()["csrf_token"]
            body = {"current_password": "s3cret six", "new_password": "s3cret seven"}
            await browser.post("/v1/me/password", json=body, headers={"X-CSRF-Token": csrf})
    written = json.dumps(logs, default=str)
    assert "s3cret" not in written
    assert token not in written


async def test_setup_token_cannot_be_guessed_or_used_after_it_expires(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.transaction() as session:
        token = await setup.issue(session)
    near = [await client.get("/setup", params={"token": token[:-1] + end}) for end in ("", "A", "~")]
    far = await client.get("/setup", params={"token": "x"})
    assert {response.status_code for response in near if response.status_code != 200} == {403}
    assert near[0].text == far.text
