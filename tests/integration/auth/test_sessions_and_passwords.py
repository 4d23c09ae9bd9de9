"""Lists of sessions, sign-out of other sessions, and changes of the password."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth.accounts import passwords, sessions
from backend.identity.auth.rate_limits import sign_ins
from backend.identity.tables import AuditRow, PasswordReset, Session, User
from tests.integration.auth.conftest import PASSWORD, World, browse

NEW = "three other words now"


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, f"no field {name}"
    return found[1]


async def send(browser: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open the form, fill it in and submit it."""
    page = (await browser.get(path)).text
    names = re.findall(r'type="hidden" name="(\w+)"', page)
    filled = {**{name: hidden(page, name) for name in names}, **fields}
    return await browser.post(path.split("?")[0], data=filled)


async def signs_in(app: FastAPI, password: str) -> bool:
    async with browse(app) as browser:
        response = await send(browser, "/sign-in", email="ada@example.org", password=password)
        return response.status_code == 303


async def audited_actions(database: Database) -> list[str]:
    async with database.transaction() as session:
        return list((await session.scalars(select(AuditRow.action).order_by(AuditRow.id))).all())


async def is_live(browser: httpx.AsyncClient) -> bool:
    return (await browser.get("/v1/me")).status_code == 200


async def reset_path(database: Database, email: str = "ada@example.org") -> str:
    async with database.transaction() as session:
        return f"/reset?token={await passwords.issue_reset(session, email)}"


async def test_user_lists_sessions_and_ends_one_of_them(app: FastAPI, world: World) -> None:
    ada = await world.user("ada@example.org")
    await world.browser(await world.user("bob@example.org"))
    async with browse(app) as phone:
        phone.headers["User-Agent"] = "Phone"
        await send(phone, "/sign-in", email=ada.email, password=PASSWORD)
        laptop = await world.browser(ada)
        shown = (await laptop.get("/v1/me/sessions")).json()
        assert {one["is_current"]: one["user_agent"] for one in shown} == {True: "", False: "Phone"}
        other = next(one for one in shown if not one["is_current"])
        assert other["ip_address"] == "127.0.0.1"
        assert set(other) == {
            "id",
            "is_current",
            "address",
            "ip_address",
            "user_agent",
            "created_at",
            "last_seen_at",
            "expires_at",
        }

        assert (await laptop.delete(f"/v1/me/sessions/{other['id']}")).status_code == 204
        assert not await is_live(phone)
        assert await is_live(laptop)
        gone = await laptop.delete(f"/v1/me/sessions/{other['id']}")
        assert (gone.status_code, gone.json()["code"]) == (404, "session_not_found")


async def test_signing_out_other_sessions_keeps_the_current_one(world: World, database: Database) -> None:
    ada = await world.user("ada@example.org")
    here, *others = [await world.browser(ada) for _ in range(3)]
    bob = await world.browser(await world.user("bob@example.org"))
    assert (await here.delete("/v1/me/sessions")).json() == {"ended": 2}
    assert [await is_live(one) for one in (here, *others, bob)] == [True, False, False, True]
    assert (await audited_actions(database))[-1] == "sessions.revoked"


async def test_sessions_of_other_users_and_keys_have_no_access(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    hers = await world.browser(await world.user("ada@example.org"))
    his = await world.browser(await world.user("bob@example.org"))
    (one,) = (await hers.get("/v1/me/sessions")).json()
    assert (await his.delete(f"/v1/me/sessions/{one['id']}")).status_code == 404
    assert (await his.delete(f"/v1/me/sessions/{uuid4()}")).status_code == 404
    assert await is_live(hers)
    headers = await world.key(await world.project("Acme"))
    assert (await client.get("/v1/me/sessions", headers=headers)).status_code == 403
    assert (await client.delete("/v1/me/sessions", headers=headers)).status_code == 403


async def test_every_write_by_session_needs_the_csrf_token(world: World) -> None:
    hers = await world.browser(await world.user("ada@example.org"))
    del hers.headers["X-CSRF-Token"]
    (one,) = (await hers.get("/v1/me/sessions")).json()
    body = {"current_password": PASSWORD, "new_password": NEW}
    for method, path, sent in (
        ("DELETE", "/v1/me/sessions", None),
        ("DELETE", f"/v1/me/sessions/{one['id']}", None),
        ("POST", "/v1/me/password", body),
    ):
        assert (await hers.request(method, path, json=sent)).json()["code"] == "csrf_failed"


async def test_ended_and_idle_sessions_are_not_listed(world: World, database: Database) -> None:
    ada = await world.user("ada@example.org")
    for values in ({"expires_at": now()}, {"last_seen_at": now() - sessions.IDLE - timedelta(seconds=1)}):
        await world.browser(ada)
        async with database.transaction() as session:
            await session.execute(update(Session).values(values))
    here = await world.browser(ada)
    assert [one["is_current"] for one in (await here.get("/v1/me/sessions")).json()] == [True]


async def test_password_change_ends_every_other_session(
    app: FastAPI, world: World, database: Database
) -> None:
    ada = await world.user("ada@example.org")
    link = await reset_path(database)
    here, elsewhere = await world.browser(ada), await world.browser(ada)
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await here.post("/v1/me/password", json=body)).status_code == 204
    assert [await is_live(here), await is_live(elsewhere)] == [True, False]
    assert [await signs_in(app, PASSWORD), await signs_in(app, NEW)] == [False, True]
    assert (await here.get(link)).status_code == 403  # a reset link that was not used yet is invalid too
    assert {"password.changed", "sessions.revoked"} <= set(await audited_actions(database))


@pytest.mark.parametrize(
    ("current", "new", "status", "code"),
    [
        ("not the password", NEW, 403, "wrong_password"),
        (PASSWORD, "short", 422, "invalid"),
        (PASSWORD, "ada@example.org", 422, "invalid"),
        ("", "", 403, "wrong_password"),
        ("x" * 2001, NEW, 422, "invalid"),
    ],
)
async def test_invalid_password_changes_nothing(
    app: FastAPI, world: World, current: str, new: str, status: int, code: str
) -> None:
    ada = await world.user("ada@example.org")
    here, elsewhere = await world.browser(ada), await world.browser(ada)
    response = await here.post("/v1/me/password", json={"current_password": current, "new_password": new})
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert "x" * 100 not in response.text
    assert NEW not in response.text
    assert [await is_live(here), await is_live(elsewhere)] == [True, True]
    assert await signs_in(app, PASSWORD)


async def test_password_guesses_of_a_stolen_session_are_limited(world: World) -> None:
    stolen = await world.browser(await world.user("ada@example.org"))
    codes = [
        (
            await stolen.post(
                "/v1/me/password", json={"current_password": f"guess {number}", "new_password": NEW}
            )
        ).status_code
        for number in range(sign_ins.MAX_PER_PAIR + 1)
    ]
    assert codes == [403] * sign_ins.MAX_PER_PAIR + [429]


async def test_password_form_needs_a_session_and_the_current_password(app: FastAPI, world: World) -> None:
    ada = await world.user("ada@example.org")
    async with browse(app) as anonymous:
        assert (await anonymous.get("/password")).headers["Location"] == "/sign-in?next=/password"
    here, elsewhere = await world.browser(ada), await world.browser(ada)
    wrong = await send(here, "/password", current="not it", password=NEW)
    assert wrong.status_code == 403
    assert "The current password is wrong" in wrong.text
    done = await send(here, "/password", current=PASSWORD, password=NEW)
    assert (done.status_code, done.headers["Location"]) == (303, "/")
    assert [await is_live(here), await is_live(elsewhere)] == [True, False]


async def test_reset_link_sets_a_password_once_and_ends_all_sessions(
    app: FastAPI, world: World, database: Database
) -> None:
    ada = await world.user("ada@example.org")
    before = await world.browser(ada)
    path = await reset_path(database)
    async with browse(app) as browser:
        assert "ada@example.org" in (await browser.get(path)).text
        weak = await send(browser, path, password="short")
        assert weak.status_code == 422
        done = await send(browser, path, password=NEW)
        assert (done.status_code, done.headers["Location"]) == (303, "/")
        assert (await browser.get("/v1/me")).json()["user"]["email"] == "ada@example.org"
        assert (await browser.get(path)).status_code == 403
    assert not await is_live(before)
    assert [await signs_in(app, PASSWORD), await signs_in(app, NEW)] == [False, True]
    assert {"password_reset.issued", "password.reset"} <= set(await audited_actions(database))


async def test_reset_link_is_invalid_after_a_newer_link_or_its_expiry(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    await world.user("ada@example.org")
    first, second = await reset_path(database), await reset_path(database)
    assert (await client.get(first)).status_code == 403
    assert (await client.get(second)).status_code == 200
    async with database.transaction() as session:
        await session.execute(update(PasswordReset).values(expires_at=now()))
    assert (await client.get(second)).status_code == 403


async def test_reset_link_of_a_disabled_account_is_rejected(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    await world.user("ada@example.org")
    path = await reset_path(database)
    async with database.transaction() as session:
        await session.execute(update(User).values(disabled_at=now()))
    assert (await client.get(path)).status_code == 403


async def test_concurrent_uses_of_a_reset_link_set_one_password(
    app: FastAPI, world: World, database: Database
) -> None:
    await world.user("ada@example.org")
    path = await reset_path(database)

    async def attempt(number: int) -> int:
        async with browse(app) as browser:
            page = (await browser.get(path)).text
            fields = {"csrf": hidden(page, "csrf"), "token": hidden(page, "token")}
            both_have_the_form.release()
            await other_has_the_form[number].wait()
            return (await browser.post("/reset", data={**fields, "password": f"{NEW} {number}"})).status_code

    both_have_the_form = asyncio.Semaphore(0)
    other_has_the_form = [asyncio.Event(), asyncio.Event()]
    attempts = [asyncio.create_task(attempt(number)) for number in range(2)]
    for _ in attempts:
        await both_have_the_form.acquire()
    for event in other_has_the_form:
        event.set()
    assert sorted(await asyncio.gather(*attempts)) == [303, 403]


async def test_reset_token_is_not_stored_in_plaintext(world: World, database: Database) -> None:
    await world.user("ada@example.org")
    token = (await reset_path(database)).partition("=")[2]
    async with database.transaction() as session:
        kept = await session.scalar(select(func.max(PasswordReset.token_hash)))
        facts = (await session.scalars(select(AuditRow.facts))).all()
    assert kept is not None
    assert token not in kept
    assert token not in str(facts)


@pytest.mark.parametrize("path", ["/reset", "/setup"])
async def test_guesses_of_links_are_rate_limited(client: httpx.AsyncClient, path: str) -> None:
    codes = [
        (await client.get(path, params={"token": f"made-up-{number}"})).status_code
        for number in range(sign_ins.MAX_BAD_LINKS + 1)
    ]
    assert codes == [403] * sign_ins.MAX_BAD_LINKS + [429]


@pytest.mark.parametrize("path", ["/password", "/reset", "/setup", "/sign-in"])
async def test_forms_from_another_site_are_rejected(app: FastAPI, world: World, path: str) -> None:
    ada = await world.browser(await world.user("ada@example.org"))
    fields: dict[str, Any] = {"csrf": "c", "current": PASSWORD, "password": NEW, "token": "t"}
    ada.cookies.set("puras_form_8123", "c")
    rejected = await ada.post(path, data=fields, headers={"Origin": "https://evil.example"})
    assert rejected.status_code == 403
    assert "did not come from this site" in rejected.text
    without = await ada.post(path, data={**fields, "csrf": "other"})
    assert "did not come from this site" in without.text
