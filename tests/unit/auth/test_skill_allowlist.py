"""Which skills a key's list allows."""

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
def test_an_entry_means_one_skillpack_or_says_that_it_means_all(
    entry: str, *, default: bool, other: bool
) -> None:
    assert allows([entry], "default", "resize", is_default=True) is default
    assert allows([entry], "media", "resize", is_default=False) is other


def test_an_empty_list_allows_everything() -> None:
    assert allows([], "media", "resize", is_default=False)
    assert allows(frozenset(), "default", "resize", is_default=True)


@pytest.mark.parametrize("entry", ["resize", "media/resize", "*/resize", "a_b-1/c"])
def test_what_names_a_skill_is_taken(entry: str) -> None:
    assert problems([entry]) == []


@pytest.mark.parametrize(
    "entry", ["", "/", "*", "*/*", "/resize", "media/", "a/b/c", "Resize", "re size", "x" * 65, "é", "a/*"]
)
def test_what_names_none_is_told_with_its_place(entry: str) -> None:
    (problem,) = problems(["fine", entry][1:])
    assert problem.path == "skill_allowlist[0]"
    assert [fault.path for fault in problems(["fine", entry])] == ["skill_allowlist[1]"]
