"""The list of versions: filtered, sorted, and read page by page."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.deployments.conftest import BUNDLE

RENAMED = {path.replace("double", "thrice"): data for path, data in BUNDLE.items()}


async def versions(project: Any, **query: Any) -> list[int]:
    response = await project.http.get("/v1/deployments", params=query)
    assert response.status_code == 200, response.text
    return [one["version"] for one in response.json()]


async def test_versions_are_filtered_sorted_and_paginated(project: Any) -> None:
    await project.pushed(BUNDLE, notes="first light, 100 %")
    await project.pushed({**BUNDLE, "skills/double/long.md": bytes(range(256)) * 40}, notes="second")
    await project.pushed(RENAMED, notes="third")
    assert await versions(project) == [3, 2, 1]
    assert await versions(project, sort="version") == [1, 2, 3]
    assert (await versions(project, sort="-size"))[0] == 2
    assert (await versions(project, sort="size"))[-1] == 2
    assert await versions(project, q="FIRST light") == [1]
    assert await versions(project, q="100 %") == [1]
    assert await versions(project, q="_") == []
    assert await versions(project, q="thrice") == [3]
    assert await versions(project, q="v2") == [2]
    assert await versions(project, state="active") == [3]
    assert await versions(project, state="inactive") == [2, 1]

    for sort in ("version", "-version", "size", "-size"):
        found: list[int] = []
        url: str | None = f"/v1/skillpacks/default/deployments?sort={sort}&limit=1"
        while url is not None:
            response: httpx.Response = await project.http.get(url)
            found += [one["version"] for one in response.json()]
            url = response.links.get("next", {}).get("url")
        assert found == await versions(project, sort=sort)
    page = await project.http.get("/v1/deployments?limit=1")
    cursor = httpx.URL(page.links["next"]["url"]).params["cursor"]
    other = await project.http.get("/v1/deployments", params={"sort": "size", "cursor": cursor})
    assert other.status_code == 422
