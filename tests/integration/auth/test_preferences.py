"""The preferences of users: per user, in all browsers, and in the cookie that the first page reads."""

from __future__ import annotations

import httpx
import pytest

from tests.factories.errors import error_of
from tests.integration.auth.conftest import PASSWORD, World, browse, client, world

__all__ = ["client", "world"]

URL = "/v1/me/preferences"
DEFAULTS = {
    "theme": None,
    "time_zone": "",
    "email_alerts": True,
    "email_approvals": True,
    "email_mentions": True,
}


async def test_preferences_are_those_of_the_user_in_all_browsers(world: World) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    async with await world.browser(ada) as first, await world.browser(ada) as second:
        assert (await first.get(URL)).json() == DEFAULTS
        changed = await first.patch(URL, json={"theme": "dark", "time_zone": "Europe/Berlin"})
        expected = {**DEFAULTS, "theme": "dark", "time_zone": "Europe/Berlin"}
        assert (changed.status_code, changed.json()) == (200, expected)
        assert (await second.patch(URL, json={"email_alerts": False})).json() == {
            **expected,
            "email_alerts": False,
        }
        assert (await first.get(URL)).json()["email_alerts"] is False
        assert (await first.patch(URL, json={"time_zone": ""})).json()["time_zone"] == ""
    async with await world.browser(bob) as browser:
        assert (await browser.get(URL)).json() == DEFAULTS


@pytest.mark.parametrize(
    "body",
    [{"theme": "blue"}, {"time_zone": "Mars/Base"}, {"time_zone": "../etc/passwd"}, {"other": 1}],
)
async def test_invalid_preferences_are_rejected(world: World, body: dict[str, object]) -> None:
    ada = await world.user("ada@example.org")
    async with await world.browser(ada) as browser:
        response = await browser.patch(URL, json=body)
        assert response.status_code == 422
        assert (await browser.get(URL)).json() == DEFAULTS


async def test_keys_and_forged_requests_cannot_change_preferences(
    world: World, client: httpx.AsyncClient
) -> None:
    ada = await world.user("ada@example.org")
    headers = await world.key(await world.project("Acme", ada))
    assert (await client.get(URL, headers=headers)).status_code == 403
    assert (await client.get(URL)).status_code == 401
    async with await world.browser(ada) as browser:
        del browser.headers["X-CSRF-Token"]
        response = await browser.patch(URL, json={"theme": "dark"})
        assert (response.status_code, error_of(response)["code"]) == (403, "csrf_failed")


async def test_sign_in_sets_the_cookie_of_the_preferences(world: World) -> None:
    ada = await world.user("ada@example.org")
    async with await world.browser(ada) as browser:
        await browser.patch(URL, json={"theme": "dark", "time_zone": "Asia/Tokyo"})
    async with browse(world.app) as fresh:
        form = await fresh.get("/sign-in")
        csrf = form.text.split('name="csrf" value="')[1].split('"')[0]
        body = {"csrf": csrf, "email": "ada@example.org", "password": PASSWORD}
        response = await fresh.post("/sign-in", data=body)
        assert response.status_code == 303, response.text
        (cookie,) = [
            one for one in response.headers.get_list("set-cookie") if one.startswith("puras-preferences=")
        ]
    assert "=dark%7CAsia%2FTokyo;" in cookie
    assert "HttpOnly" not in cookie
