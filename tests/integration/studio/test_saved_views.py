"""Saved views of lists: of one user in one project, checked against the page that they belong to."""

from __future__ import annotations

import asyncio
from typing import Any, get_args

import httpx
import pytest

from backend.identity.auth.principal import Role
from backend.saved_views.schemas import ViewPage
from backend.saved_views.service import MAX_VIEWS
from tests.factories.errors import error_of
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]

VIEWS: dict[str, dict[str, Any]] = {
    "jobs": {
        "filters": {"status": "failed", "min_seconds": 1},
        "sort": "-cost",
        "columns": ["job", "cost"],
    },
    "deployments": {"filters": {"skillpack": "images", "state": "inactive"}, "sort": "-size"},
    "drive": {"filters": {"folder": "reports/", "q": "june"}, "sort": "-modified"},
    "memory": {"filters": {"state": "stale", "mtype": "episodic"}, "sort": "title"},
    "evals": {"filters": {"skill": "sum", "tab": "suites", "only": "not_passed"}, "sort": "score"},
    "marketplace": {"filters": {"mine": True, "status": "draft"}, "sort": "-earned"},
}


def named(response: httpx.Response) -> list[tuple[str, str]]:
    assert response.status_code == 200, response.text
    return [(one["view"]["page"], one["name"]) for one in response.json()]


async def test_views_belong_to_one_user_in_one_project(client: httpx.AsyncClient, world: Any) -> None:
    owner, viewer = await world.user("owner@example.org"), await world.user("viewer@example.org")
    project = await world.project("Mine", owner)
    await world.member(project, viewer, Role.VIEWER)
    mine, theirs = await world.browser(owner), await world.browser(viewer)
    here = {"X-Puras-Project": str(project.id)}
    assert VIEWS.keys() == {*get_args(ViewPage)}
    for page, view in VIEWS.items():
        put = await theirs.put("/v1/saved-views/Best", json={"view": {"page": page, **view}}, headers=here)
        assert put.status_code == 200, put.text
        shown = {name: value for name, value in put.json()["view"]["filters"].items() if value is not None}
        assert (shown, put.json()["view"]["sort"]) == (view["filters"], view["sort"])
    listed = await theirs.get("/v1/saved-views", headers=here)
    assert named(listed) == [(page, "Best") for page in sorted(VIEWS)]
    of_memory = await theirs.get("/v1/saved-views?page=memory", headers=here)
    assert named(of_memory) == [("memory", "Best")]
    assert named(await mine.get("/v1/saved-views", headers=here)) == []
    foreign = await mine.delete("/v1/saved-views/Best?page=memory", headers=here)
    assert (foreign.status_code, error_of(foreign)["code"]) == (404, "saved_view_not_found")
    replaced = await theirs.put("/v1/saved-views/Best", json={"view": {"page": "jobs"}}, headers=here)
    assert (replaced.json()["view"]["sort"], replaced.json()["view"]["columns"]) == ("-created_at", None)
    assert (await theirs.delete("/v1/saved-views/Best?page=memory", headers=here)).status_code == 204
    left = named(await theirs.get("/v1/saved-views", headers=here))
    assert left == [(page, "Best") for page in sorted(VIEWS) if page != "memory"]


async def test_views_are_validated_and_limited(
    client: httpx.AsyncClient, world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = await world.user("owner@example.org")
    project = await world.project("Mine", owner)
    browser, here = await world.browser(owner), {"X-Puras-Project": str(project.id)}
    wrong: list[dict[str, Any]] = [
        {"page": "jobs", "sort": "price"},
        {"page": "jobs", "filters": {"state": "failed"}},
        {"page": "jobs", "columns": ["inputs"]},
        {"page": "memory", "filters": {"status": "failed"}},
        {"page": "drive", "sort": "-cost"},
        {"page": "usage"},
        {},
    ]
    for view in wrong:
        refused = await browser.put("/v1/saved-views/x", json={"view": view}, headers=here)
        assert refused.status_code == 422, view
    monkeypatch.setattr("backend.saved_views.service.MAX_VIEWS", 1)
    jobs, memory = {"view": {"page": "jobs"}}, {"view": {"page": "memory"}}
    assert (await browser.put("/v1/saved-views/one", json=jobs, headers=here)).status_code == 200
    assert (await browser.put("/v1/saved-views/two", json=memory, headers=here)).status_code == 200
    refused = await browser.put("/v1/saved-views/two", json=jobs, headers=here)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "too_many_saved_views")
    by_key = await client.put("/v1/saved-views/x", json=jobs, headers=await world.key(project))
    assert by_key.status_code == 403


async def test_simultaneous_requests_store_no_more_views_than_allowed(
    client: httpx.AsyncClient, world: Any
) -> None:
    user = await world.user("owner@example.org")
    project = await world.project("Mine", user)
    browser, here = await world.browser(user), {"X-Puras-Project": str(project.id)}
    body = {"view": {"page": "memory"}}
    names = [f"view-{number}" for number in range(MAX_VIEWS + 30)]
    puts = [browser.put(f"/v1/saved-views/{name}", json=body, headers=here) for name in names]
    statuses = [put.status_code for put in await asyncio.gather(*puts)]
    assert sorted(set(statuses)) == [200, 409]
    assert len(named(await browser.get("/v1/saved-views", headers=here))) == MAX_VIEWS
