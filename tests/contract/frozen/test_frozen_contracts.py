"""The current code keeps the contracts of the last release, except for changes that are intended and documented."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.contract.frozen.compare import Difference, compare, compare_descriptions
from tests.contract.frozen.current import CONTRACTS, CURRENT, Json
from tests.contract.frozen.freeze import archive

UPGRADING: Final = Path(__file__).parents[3] / "docs" / "guides" / "upgrading.md"


class Change(NamedTuple):
    """An intended breaking change of a contract."""

    contract: str
    path: str
    replacement: str
    heading: str


def intended_changes() -> list[Change]:
    """Return the entries of `intended_changes.toml`."""
    text = Path(__file__).with_name("intended_changes.toml").read_text(encoding="utf-8")
    return [Change(**entry) for entry in tomllib.loads(text).get("change", ())]


def problems(changes: list[Change], differences: list[Difference]) -> list[str]:
    """Return breaking differences without an entry, and entries without a breaking difference."""
    broken = {one.path: one for one in differences if one.kind == "breaking"}
    listed = {change.path for change in changes}
    found = [
        f"breaks callers: {one.path}: {one.change}" for path, one in broken.items() if path not in listed
    ]
    return found + [f"matches no difference: {path}" for path in sorted(listed - broken.keys())]


def missing_headings(changes: list[Change], page: str) -> list[str]:
    """Return the headings of entries that a page does not have."""
    headings = {heading.strip() for heading in re.findall(r"^#+ (.*)$", page, re.MULTILINE)}
    return [change.heading for change in changes if change.heading not in headings]


@pytest.mark.parametrize("name", CURRENT)
def test_current_code_keeps_the_contract(name: str) -> None:
    frozen: Json = json.loads((CONTRACTS / f"{name}.json").read_text(encoding="utf-8"))
    current: Json = json.loads(json.dumps(CURRENT[name]()))
    differences = (compare_descriptions if name == "openapi" else compare)(frozen, current)
    found = problems([change for change in intended_changes() if change.contract == name], differences)
    assert not found, "\n".join(["See tests/contract/frozen/README.md.", *found])


def test_every_intended_change_is_documented() -> None:
    changes = intended_changes()
    assert not [change for change in changes if change.contract not in CURRENT or not change.replacement]
    assert not missing_headings(changes, UPGRADING.read_text(encoding="utf-8"))


REMOVED: Final = Difference("breaking", "A", "removed")
ENTRY: Final = Change("settings", "A", "B", "Renamed settings")


def test_unlisted_breaking_difference_is_a_problem() -> None:
    assert problems([], [REMOVED]) == ["breaks callers: A: removed"]
    assert problems([ENTRY], [REMOVED]) == []
    assert problems([], [Difference("added", "A", "added")]) == []


def test_entry_without_a_difference_is_a_problem() -> None:
    assert problems([ENTRY], []) == ["matches no difference: A"]
    assert problems([ENTRY], [Difference("added", "A", "added")]) == ["matches no difference: A"]


def test_entry_without_a_heading_is_found() -> None:
    assert missing_headings([ENTRY], "# Upgrading\n\nRenamed settings\n") == ["Renamed settings"]
    assert missing_headings([ENTRY], "# Upgrading\n\n## Renamed settings\n") == []


def test_archive_keeps_examples_of_earlier_releases(tmp_path: Path) -> None:
    for text in ("first", "second", "first", "third"):
        archive(tmp_path, "starter", text)
    kept = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert kept == {"starter.yaml": "first", "starter.2.yaml": "second", "starter.3.yaml": "third"}
