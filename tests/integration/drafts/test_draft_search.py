"""Search in the files of a draft over REST."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backend.authoring.drafts import search

SEARCH = "/v1/drafts/search"


async def found(project: Any, query: str, **more: Any) -> dict[str, Any]:
    response = await project.http.post(SEARCH, json={"query": query, **more})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def places(body: dict[str, Any]) -> list[tuple[str, int, int]]:
    return [(file["path"], one["line"], one["column"]) for file in body["files"] for one in file["matches"]]


@pytest.fixture
async def notes(project: Any) -> Any:
    """Add a file with text of several scripts to the draft."""
    text = "Token one\n𝒳 token, tokens\nline (a+b)\n"
    assert (await project.http.put("/v1/drafts/files/notes.md", content=text.encode())).is_success
    return project


async def test_case_words_and_regular_expressions_restrict_matches(notes: Any) -> None:
    assert places(await found(notes, "token")) == [
        ("notes.md", 1, 1),
        ("notes.md", 2, 3),
        ("notes.md", 2, 10),
    ]
    assert places(await found(notes, "token", is_case_sensitive=True)) == [
        ("notes.md", 2, 3),
        ("notes.md", 2, 10),
    ]
    assert places(await found(notes, "token", is_whole_word=True)) == [("notes.md", 1, 1), ("notes.md", 2, 3)]
    assert places(await found(notes, "(a+b)")) == [("notes.md", 3, 6)]
    assert places(await found(notes, "^line|one$", is_regex=True)) == [("notes.md", 1, 7), ("notes.md", 3, 1)]
    files = (await found(notes, "return"))["files"]
    assert [file["path"] for file in files] == ["skills/double/main.py"]


async def test_matches_have_excerpts_and_replacements(notes: Any) -> None:
    match = (await found(notes, r"(\w+) one", is_regex=True, replacement="$1 two $& $$"))["files"][0][
        "matches"
    ][0]
    assert (match["start"], match["end"], match["replacement"]) == (0, 9, "Token two Token one $")
    literal = (await found(notes, "tokens", replacement="$1"))["files"][0]["matches"][0]
    assert literal["replacement"] == "$1"
    assert literal["excerpt"][literal["excerpt_start"] : literal["excerpt_end"]] == "tokens"
    assert (literal["start"], literal["end"]) == (19, 25)


async def test_wrong_and_hostile_patterns_end_quickly(notes: Any) -> None:
    wrong = await notes.http.post(SEARCH, json={"query": "(", "is_regex": True})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "search_pattern_invalid")
    content = b"a" * (1 << 20)
    assert (await notes.http.put("/v1/drafts/files/large.txt", content=content)).is_success
    started = time.monotonic()
    assert places(await found(notes, "(a+)+$b|(a|aa)+c", is_regex=True)) == []
    assert time.monotonic() - started < 5


async def test_matches_are_limited_and_other_files_are_skipped(
    notes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_MATCHES", 2)
    limited = await found(notes, "token")
    assert (len(places(limited)), limited["is_truncated"]) == (2, True)
    monkeypatch.setattr(search, "MAX_SEARCHED_BYTES", 10)
    skipped = await found(notes, "token")
    assert (places(skipped), "notes.md" in skipped["skipped_files"]) == ([], True)
    assert (await notes.http.put("/v1/drafts/files/image.bin", content=b"token\xff\x00")).is_success
    assert "image.bin" not in {path for path, _, _ in places(await found(notes, "token"))}


async def test_other_projects_are_not_searched(notes: Any, make_project: Any) -> None:
    other = await make_project.make("Other")
    assert places(await found(other, "token")) == []
