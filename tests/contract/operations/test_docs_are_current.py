"""The documents match the code."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

import pytest
from puras_mcp import reference

from backend.generators import kit_pages, python_client, settings_page
from backend.generators import reference as generated

ROOT = Path(__file__).parents[3]


def test_settings_page_is_generated_from_the_settings() -> None:
    assert settings_page.PAGE.read_text(encoding="utf-8") == settings_page.page(), "run `make settings`"


@pytest.mark.parametrize("name", kit_pages.REFERENCES)
def test_kit_references_are_generated_from_the_code(name: str) -> None:
    page = read(f"docs/{name}")
    assert page == kit_pages.renewed(page, kit_pages.REFERENCES[name]()), "run `make settings`"


def test_generated_pages_are_current() -> None:
    for name, text in generated.pages().items():
        assert read(f"docs/{name}") == text, f"docs/{name}: run `make settings`"


def test_event_types_of_the_python_client_are_generated() -> None:
    assert python_client.PAGE.read_text(encoding="utf-8") == python_client.page(), "run `make openapi`"


def test_mcp_reference_is_generated_from_the_tools() -> None:
    assert read("docs/reference/mcp.md") == reference.page(), "run `make settings`"


def test_every_dependency_has_a_reason_and_every_reason_a_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lines = [
        *project["project"]["dependencies"],
        *chain(*project["project"]["optional-dependencies"].values()),
        *chain(*project["dependency-groups"].values()),
    ]
    named = {re.split(r"[\[<>=;~! ]", line, maxsplit=1)[0] for line in lines}
    explained = set(re.findall(r"^\| `([a-z0-9-]+)` \|", read("docs/dependencies.md"), flags=re.MULTILINE))
    assert named - {"puras-studio"} == explained, "`puras-studio[all]` stands for the extras"


def test_decisions_are_numbered_without_gaps_and_have_four_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [
        f"{number:04}" for number in range(1, len(decisions) + 1)
    ]
    for path in decisions:
        parts = re.findall(r"^## (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences", "Alternatives"], path.name


def test_linked_files_exist() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")
