"""The orders of a list of records, with their pages."""

from __future__ import annotations

from typing import Any, get_args

import httpx
import pytest

from backend.data.memory.schemas import MemorySort
from tests.integration.deployments.conftest import Project, make_project, project

__all__ = ["make_project", "project"]

RECORDS = (
    {"kind": "b", "entity_key": "one", "title": "Zebra"},
    {"kind": "a", "entity_key": "Three", "title": ""},
    {"kind": "A", "entity_key": "two", "title": "apple"},
    {"kind": "c", "title": "Äpfel, and a very long title" + " ü" * 130},
)
"""In the order in which they are written. The second one is listed under its key."""


async def order(project: Project, sort: str, limit: int = 200) -> list[int]:
    """Return the numbers of the records in the order of the list, read page by page."""
    found: list[int] = []
    url: str | None = f"/v1/memory?sort={sort}&limit={limit}"
    while url is not None:
        response = await project.http.get(url)
        assert response.status_code == 200, response.text
        found += [one["record"]["number"] for one in response.json()]
        url = response.links.get("next", {}).get("url")
    return found


@pytest.fixture
async def records(project: Project) -> Project:
    for number, record in enumerate(RECORDS):
        body = {**record, "record": {"number": number}}
        assert (await project.http.post("/v1/memory", json=body)).status_code == 201
    return project


async def test_records_are_sorted_by_each_column_and_pages_have_no_gaps(records: Project) -> None:
    assert await order(records, "updated_at") == [0, 1, 2, 3]
    assert await order(records, "-updated_at") == [3, 2, 1, 0]
    assert await order(records, "key") == [3, 0, 1, 2]
    by_kind = await order(records, "kind")
    assert {*by_kind[:2]} == {1, 2}, "upper and lower case are equal"
    assert by_kind[2:] == [0, 3]
    by_title = await order(records, "title")
    assert by_title.index(2) < by_title.index(1) < by_title.index(0)
    for sort in get_args(MemorySort):
        whole = await order(records, sort)
        assert await order(records, sort, limit=1) == whole
        assert [*reversed(await order(records, sort.removeprefix("-")))] == await order(
            records, "-" + sort.removeprefix("-")
        )


async def test_cursors_of_other_orders_and_unknown_orders_are_rejected(records: Project) -> None:
    response: httpx.Response = await records.http.get("/v1/memory?sort=title&limit=1")
    cursor = httpx.URL(response.links["next"]["url"]).params["cursor"]
    query: dict[str, Any] = {"sort": "-title", "cursor": cursor}
    assert (await records.http.get("/v1/memory", params=query)).status_code == 422
    assert (await records.http.get("/v1/memory?sort=importance")).status_code == 422
