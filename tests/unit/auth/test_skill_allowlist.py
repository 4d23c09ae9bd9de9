"""The skills that the allowlist of a key permits."""

from __future__ import annotations

import pytest

from backend.identity.auth.skill_allowlist import allows, problems


@pytest.mark.parametrize(
    ("entry", "default", "other"),
    [
        ("resize", True, False),
        ("default/resize", True, False),
        ("media/resize", False, True),
        ("*/resize", True, True),
        ("grow", False, False),
        ("*/grow", False, False),
        ("resize/resize", False, False),
    ],
)
def test_entry_matches_one_skillpack_or_all_with_a_wildcard(
    entry: str, *, default: bool, other: bool
) -> None:
    assert allows([entry], "default", "resize", is_default=True) is default
    assert allows([entry], "media", "resize", is_default=False) is other


def test_an_empty_list_allows_everything() -> None:
    assert allows([], "media", "resize", is_default=False)
    assert allows(frozenset(), "default", "resize", is_default=True)


@pytest.mark.parametrize("entry", ["resize", "media/resize", "*/resize", "a_b-1/c"])
def test_valid_entry_is_accepted(entry: str) -> None:
    assert problems([entry]) == []


@pytest.mark.parametrize(
    "entry", ["", "/", "*", "*/*", "/resize", "media/", "a/b/c", "Resize", "re size", "x" * 65, "é", "a/*"]
)
def test_invalid_entry_is_reported_with_its_path(entry: str) -> None:
    (problem,) = problems(["fine", entry][1:])
    assert problem.path == "skill_allowlist[0]"
    assert [fault.path for fault in problems(["fine", entry])] == ["skill_allowlist[1]"]
