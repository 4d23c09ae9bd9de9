"""Projects and members over REST."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select

from backend.core.db.engine import Database
from backend.execution.jobs.tables import Admission, Job
from backend.identity.auth.principal import Role
from backend.identity.tables import AuditRow, Member
from backend.money.ledger.tables import Wallet
from backend.skills.skillpacks.tables import Skillpack


async def test_new_project_has_skillpack_wallet_window_and_owner(world: Any, database: Database) -> None:
    ada = await world.user("ada@example.org")
    browser = await world.browser(ada)

    made = (await browser.post("/v1/projects", json={"name": "Ácme & Söhne"})).json()

    assert (made["slug"], made["role"], made["concurrency_limit"]) == ("acme-sohne", "owner", 50)
    assert made["workspace_id"] == made["id"]
    async with database.transaction() as session:
        pack = (await session.scalars(select(Skillpack))).one()
        assert (pack.slug, pack.is_default) == ("default", True)
        assert (await session.scalars(select(Wallet))).one().balance_micros == 0
        assert (await session.scalars(select(Admission))).one().concurrency_limit == 50
        assert (await session.scalars(select(Member))).one().user_id == ada.id
        act = (await session.scalars(select(AuditRow).where(AuditRow.action == "project.created"))).one()
        assert act.actor == "user:ada@example.org"
        assert len(act.request_id) == 32


async def test_equal_names_get_different_slugs(world: Any) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    responses = await asyncio.gather(*(browser.post("/v1/projects", json={"name": "Demo"}) for _ in range(8)))
    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["slug"] for response in responses}) == 8
    for name in ("日本", "---", "d5f3c5f8-5d4c-4f7e-9c55-0242ac130003"):
        assert (await browser.post("/v1/projects", json={"name": name})).json()["slug"].startswith("project-")


async def test_requested_slug_that_is_taken_is_a_conflict(world: Any) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    assert (await browser.post("/v1/projects", json={"name": "A", "slug": "acme"})).status_code == 201
    response = await browser.post("/v1/projects", json={"name": "B", "slug": "acme"})
    assert (response.status_code, response.json()["code"]) == (409, "slug_taken")
    other = (await browser.post("/v1/projects", json={"name": "B"})).json()["id"]
    assert (await browser.patch(f"/v1/projects/{other}", json={"slug": "acme"})).status_code == 409


AN_ID = "0d9c1f8e-3b1a-4c55-9d0e-6f7a8b9c0d1e"


@pytest.mark.parametrize(
    "slug", ["Acme", "-a", "a-", "a b", "ä", "a" * 49, AN_ID, AN_ID.replace("-", ""), "a/b"]
)
async def test_invalid_slug_is_rejected_with_its_path(world: Any, slug: str) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    response = await browser.post("/v1/projects", json={"name": "A", "slug": slug})
    assert response.status_code == 422
    assert response.json()["errors"][0]["path"] == "slug"


async def test_key_cannot_create_a_project(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine"))
    assert (await client.post("/v1/projects", json={"name": "B"}, headers=headers)).status_code == 403


async def test_patch_changes_only_the_given_fields(world: Any) -> None:
    browser = await world.browser(await world.user("ada@example.org"))
    made = (await browser.post("/v1/projects", json={"name": "A"})).json()
    changed = await browser.patch("/v1/projects/a", json={"concurrency_limit": 3, "slug": "b"})
    assert changed.json() == {**made, "concurrency_limit": 3, "slug": "b"}
    assert (await browser.get("/v1/projects/a")).status_code == 404
    assert (await browser.get("/v1/projects/b")).json()["concurrency_limit"] == 3


async def test_deleting_a_project_revokes_its_keys_and_cancels_its_jobs(
    client: httpx.AsyncClient, world: Any, database: Database
) -> None:
    ada = await world.user("ada@example.org")
    project = await world.project("Mine", ada)
    headers, browser = await world.key(project), await world.browser(ada)
    job = Job(project_id=project.id, skillpack_id=uuid4(), deployment_id=uuid4(), skill_name="s", inputs={})
    async with database.transaction() as session:
        session.add(job)

    assert (await client.delete(f"/v1/projects/{project.id}", headers=headers)).status_code == 403
    assert (await browser.delete(f"/v1/projects/{project.id}")).status_code == 204
    assert (await client.get("/v1/me", headers=headers)).status_code == 401
    assert (await browser.get(f"/v1/projects/{project.id}")).status_code == 404
    assert (await browser.delete(f"/v1/projects/{project.id}")).status_code == 404
    assert (await browser.get("/v1/projects")).json() == []
    assert (await browser.post("/v1/projects", json={"name": "Mine"})).json()["slug"] == "mine"
    async with database.transaction() as session:
        ended = await session.get_one(Job, job.id)
        assert (ended.status, ended.error) == ("cancelled", "Cancelled by user:ada@example.org.")


async def test_members_are_added_changed_and_removed(world: Any) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    project = await world.project("Mine", ada)
    hers, his = await world.browser(ada), await world.browser(bob)
    members = "/v1/projects/mine/members"
    assert (await his.get(members)).status_code == 404

    await world.member(project, bob, Role.VIEWER)
    assert [one["email"] for one in (await his.get(members)).json()] == ["ada@example.org", "bob@example.org"]
    assert (await hers.post(members, json={"email": "bob@example.org"})).json()["code"] == "already_member"
    assert (await his.patch("/v1/projects/mine", json={"name": "His"})).status_code == 403

    assert (await hers.patch(f"{members}/{bob.id}", json={"role": "admin"})).json()["role"] == "admin"
    assert (await his.patch("/v1/projects/mine", json={"name": "His"})).status_code == 200
    assert (await his.delete(f"{members}/{bob.id}")).status_code == 204
    assert (await his.get(members)).status_code == 404
    assert (await hers.delete(f"{members}/{bob.id}")).json()["code"] == "member_not_found"


async def test_admins_and_keys_cannot_grant_or_change_owners(client: httpx.AsyncClient, world: Any) -> None:
    ada, bob, eve = [await world.user(f"{name}@example.org") for name in ("ada", "bob", "eve")]
    project = await world.project("Mine", ada)
    his = await world.browser(bob)
    members = "/v1/projects/mine/members"
    await world.member(project, bob, Role.ADMIN)

    assert (await his.patch(f"{members}/{bob.id}", json={"role": "owner"})).status_code == 403
    assert (await his.post(members, json={"email": eve.email, "role": "owner"})).status_code == 403
    assert (await his.patch(f"{members}/{ada.id}", json={"role": "viewer"})).status_code == 403
    assert (await his.delete(f"{members}/{ada.id}")).status_code == 403
    key = await world.key(project)
    assert (
        await client.post(members, json={"email": eve.email, "role": "owner"}, headers=key)
    ).status_code == 403


async def test_last_owner_stays_when_owners_leave_concurrently(world: Any) -> None:
    ada, bob = await world.user("ada@example.org"), await world.user("bob@example.org")
    project = await world.project("Mine", ada)
    hers, his = await world.browser(ada), await world.browser(bob)
    members = "/v1/projects/mine/members"
    assert (await hers.delete(f"{members}/{ada.id}")).json()["code"] == "last_owner"
    assert (await hers.patch(f"{members}/{ada.id}", json={"role": "viewer"})).json()["code"] == "last_owner"

    await world.member(project, bob, Role.OWNER)
    codes = await asyncio.gather(hers.delete(f"{members}/{ada.id}"), his.delete(f"{members}/{bob.id}"))
    assert sorted(response.status_code for response in codes) == [204, 409]


async def test_keys_and_audit_log_are_paginated(client: httpx.AsyncClient, world: Any) -> None:
    headers = await world.key(await world.project("Mine"))
    for number in range(5):
        await client.post("/v1/api-keys", json={"name": f"k{number}"}, headers=headers)

    for path, field in (("/v1/api-keys", "prefix"), ("/v1/audit", "id")):
        whole = (await client.get(path, headers=headers)).json()
        seen: list[Any] = []
        following: str | None = f"{path}?limit=2"
        while following:
            response = await client.get(following, headers=headers)
            seen += [row[field] for row in response.json()]
            following = response.links.get("next", {}).get("url")
        assert seen == [row[field] for row in whole]
        assert len(seen) >= 6
        assert "secret" not in str([row.get("secret_hash") for row in whole])


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "é", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5OV0", "[" * 900])
async def test_invalid_cursor_is_rejected(client: httpx.AsyncClient, world: Any, cursor: str) -> None:
    headers = await world.key(await world.project("Mine"))
    for path in ("/v1/api-keys", "/v1/audit"):
        response = await client.get(path, params={"cursor": cursor}, headers=headers)
        assert response.status_code == 422
        assert response.json()["errors"][0]["path"] == "query.cursor"
