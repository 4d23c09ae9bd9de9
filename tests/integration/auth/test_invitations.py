"""Invitations: the invited user joins with the link, and no response reveals who has an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
from sqlalchemy import event, text

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.housekeeping import delete_expired

MEMBERS = "/v1/projects/mine/members"
INVITATIONS = "/v1/projects/mine/invitations"


async def join(browser: httpx.AsyncClient, link: str) -> httpx.Response:
    """Open the link and submit its form."""
    page = await browser.get(link)
    if page.status_code != 200:
        return page
    token = link.partition("token=")[2]
    return await browser.post("/join", data={"csrf": browser.cookies["puras_form_8123"], "token": token})


async def invite(browser: httpx.AsyncClient, email: str, role: str = "developer") -> str:
    response = await browser.post(MEMBERS, json={"email": email, "role": role})
    assert response.status_code == 201, response.text
    link: str = response.json()["link"]
    return link


async def test_invited_user_joins_with_the_role_and_the_link_works_once(world: Any) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    await world.project("Mine", ada)
    hers, his = await world.browser(ada), await world.browser(bob)
    link = await invite(hers, " BOB@example.org", "viewer")
    assert (await his.get(MEMBERS)).status_code == 404, "an invited user is not a member yet"
    page = await his.get(link)
    assert "Join Mine" in page.text
    assert "bob@example.org is invited to this project as viewer" in page.text

    assert (await join(his, link)).headers["location"] == "/p/mine"
    roles = {one["email"]: one["role"] for one in (await his.get(MEMBERS)).json()}
    assert roles == {"ada@example.org": "owner", "bob@example.org": "viewer"}
    assert (await hers.get(INVITATIONS)).json() == []
    assert "not valid any more" in (await join(his, link)).text
    assert (await his.delete(f"{MEMBERS}/{bob.id}")).status_code == 204
    assert (await join(his, link)).status_code == 403, "a removed member cannot join with the old link"


async def test_invitation_does_not_reveal_whether_the_account_exists(
    world: Any, client: httpx.AsyncClient, database: Database
) -> None:
    ada = await world.user("ada@example.org")
    await world.user("known@example.org")
    await world.project("Mine", ada)
    hers = await world.browser(ada)
    statements_by_name: dict[str, list[str]] = {}
    shown: dict[str, Any] = {}
    for name in ("known", "unknown"):
        statements = statements_by_name[name] = []

        def record(*given: Any, statements: list[str] = statements) -> None:
            # The time of the last use of a session is written only now and then.
            if "sessions" not in given[2]:
                statements.append(given[2])

        event.listen(database.engine.sync_engine, "before_cursor_execute", record)
        made = await hers.post(MEMBERS, json={"email": f"{name}@example.org"})
        event.remove(database.engine.sync_engine, "before_cursor_execute", record)
        page = await client.get(made.json()["link"])
        one_of_all = (await hers.get(INVITATIONS)).json()[-1]
        shown[name] = [
            made.status_code,
            sorted(made.json()),
            page.status_code,
            page.text.replace(f"{name}@", "?@").partition("<form")[0],
            {field: value for field, value in one_of_all.items() if field in ("role", "created_by")},
        ]
    assert shown["known"] == shown["unknown"]
    assert statements_by_name["known"] == statements_by_name["unknown"], "equal statements take the same time"
    assert [one["email"] for one in (await hers.get(MEMBERS)).json()] == ["ada@example.org"]


async def test_signed_out_user_returns_to_the_link_after_sign_in(
    world: Any, client: httpx.AsyncClient
) -> None:
    ada = await world.user("ada@example.org")
    await world.project("Mine", ada)
    link = await invite(await world.browser(ada), "bob@example.org")
    response = await join(client, link)
    assert response.status_code == 303
    back = httpx.URL(response.headers["location"])
    assert back.path == "/sign-in"
    assert link.endswith(back.params["next"])


async def test_another_user_cannot_use_the_link(world: Any) -> None:
    ada, eve = await world.user("ada@example.org"), await world.user("eve@example.org")
    await world.project("Mine", ada)
    link = await invite(await world.browser(ada), "bob@example.org")
    hers = await world.browser(eve)
    response = await join(hers, link)
    assert response.status_code == 403
    assert "This invitation is for bob@example.org, and you are signed in as eve@example.org" in response.text
    assert (await hers.get(MEMBERS)).status_code == 404


async def test_replaced_revoked_and_expired_links_are_rejected(
    world: Any, instance: AppContext, database: Database
) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    await world.project("Mine", ada)
    hers, his = await world.browser(ada), await world.browser(bob)
    first, second = await invite(hers, bob.email), await invite(hers, bob.email)
    (open_one,) = (await hers.get(INVITATIONS)).json()
    assert "token" not in str(open_one)
    assert (await join(his, first)).status_code == 403, "the newer link replaced it"
    one = f"{INVITATIONS}/{open_one['id']}"
    assert (await hers.delete(one)).status_code == 204
    assert (await hers.delete(one)).json()["code"] == "invitation_not_found"
    assert (await join(his, second)).status_code == 403
    third = await invite(hers, bob.email)
    async with database.transaction() as session:
        late = {"at": now() - timedelta(seconds=1)}
        await session.execute(text("update invitations set expires_at = :at"), late)
    assert (await join(his, third)).status_code == 403
    async with database.transaction() as session:
        await delete_expired(session, instance.storage)
        assert await session.scalar(text("select count(*) from invitations")) == 0


async def test_owners_are_not_invited_by_keys_or_by_members_below_admin(world: Any) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    project = await world.project("Mine", ada)
    key = await world.key(project)
    hers, his = await world.browser(ada), await world.browser(bob)
    await world.member(project, bob)
    for browser, headers in ((his, {}), (hers, key)):
        requested = {"email": "eve@example.org", "role": "owner"}
        browser = browser if not headers else await world.browser(bob)
        assert (await browser.post(MEMBERS, json=requested, headers=headers)).status_code == 403
    assert (await his.get(INVITATIONS)).status_code == 403
