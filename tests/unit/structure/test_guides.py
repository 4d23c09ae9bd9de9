"""The guides for contributors name files and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PATH = re.compile(r"`(\.?[\w-]+(?:/[\w.-]+)+/?|[\w-]+/|[\w-]+\.(?:md|toml|py|yaml))`")
COMMAND = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)
EXAMPLES = {"schemas.py", "service.py", "api.py", "tables.py", "queries.py", "errors.py"}
"""Files that each folder of a resource has."""
CREATED = {"dist/"}
"""Folders that commands create."""


GUIDES = ["CONTRIBUTING.md", "AGENTS.md", ".github/pull_request_template.md"]
FOLDERS = ["backend", "workers", "studio", "tests", "benchmarks"]


@pytest.mark.parametrize("guide", [*GUIDES, *(f"{folder}/README.md" for folder in FOLDERS)])
def test_named_files_exist(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf-8")
    named = set(PATH.findall(text)) - EXAMPLES - CREATED - {"mcp/__init__.py", "__init__.py"}
    assert named
    places = [ROOT, (ROOT / guide).parent]
    assert [path for path in sorted(named) if not any((place / path).exists() for place in places)] == []


def test_packages_describe_modules_that_exist() -> None:
    missing = []
    for package in (
        path for folder in ("backend", "workers", "studio") for path in (ROOT / folder).rglob("__init__.py")
    ):
        named = re.findall(r"^(\w+\.py)\s{2,}", package.read_text(encoding="utf-8"), re.MULTILINE)
        missing += [str(package.parent / name) for name in named if not (package.parent / name).exists()]
    assert missing == []


@pytest.mark.parametrize("guide", ["CONTRIBUTING.md", "AGENTS.md"])
def test_named_commands_exist(guide: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / guide).read_text(encoding="utf-8")
    assert set(COMMAND.findall(text)) <= targets
