"""The orders of a folder over REST, with their pages, and long paths at the end of a page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from backend.storage import DriveEntry, SortedEntries
from backend.storage.local import LocalStorage
from tests.factories.errors import error_of
from tests.integration.drive.conftest import Drive


async def pages(drive: Drive, **query: Any) -> list[str]:
    """Return the paths of a list that is read page by page."""
    found: list[str] = []
    response = await drive.list(**query)
    while True:
        assert response.status_code == 200, response.text
        found += [one["path"] for one in response.json()]
        if "next" not in response.links:
            return found
        response = await drive.client.get(response.links["next"]["url"], headers=drive.headers)


async def test_folder_is_sorted_filtered_and_paginated(drive: Drive) -> None:
    for name, size in (("a.txt", 3), ("b.csv", 1), ("c.txt", 2)):
        assert (await drive.upload(b"x" * size, path=f"out/{name}")).status_code == 201
    by_size = ["out/a.txt", "out/c.txt", "out/b.csv"]
    assert await pages(drive, prefix="out/", sort="-size") == by_size
    assert await pages(drive, prefix="out/", sort="-size", limit=1) == by_size
    assert await pages(drive, prefix="out/", sort="size", limit=2) == by_size[::-1]
    assert await pages(drive, prefix="out/", q="TXT", limit=1) == ["out/a.txt", "out/c.txt"]
    assert await pages(drive, prefix="out/", sort="-name", q="txt") == ["out/c.txt", "out/a.txt"]
    assert await pages(drive, prefix="out/c", sort="-name") == ["out/c.txt"]
    first = await drive.list(prefix="out/", sort="size", limit=1)
    cursor = httpx.URL(first.links["next"]["url"]).params["cursor"]
    for query in (
        {"sort": "-size", "cursor": cursor},
        {"sort": "modified", "cursor": cursor},
        {"sort": "size", "recursive": "true"},
        {"q": "a", "recursive": "true"},
        {"sort": "cost"},
    ):
        assert (await drive.list(prefix="out/", **query)).status_code == 422, query


async def test_folder_that_the_storage_cannot_sort_is_rejected(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def list_sorted(*_: object) -> SortedEntries:
        entries: list[DriveEntry] = []
        return SortedEntries(entries, is_complete=False)

    monkeypatch.setattr(LocalStorage, "list_sorted", list_sorted)
    refused = await drive.list(prefix="out/", sort="size")
    assert (refused.status_code, error_of(refused)["code"]) == (409, "folder_too_large_to_sort")


async def test_page_can_end_with_the_longest_path(drive: Drive) -> None:
    folder = "/".join(["ö" * 120] * 4)
    for name in ("1", "2"):
        assert (await drive.upload(b"x", path=f"{folder}/{name}.txt")).status_code == 201
    expected = [f"{folder}/1.txt", f"{folder}/2.txt"]
    assert await pages(drive, prefix=f"{folder}/", limit=1) == expected
