"""The guides for contributors name files and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PATH = re.compile(r"`(\.?[\w-]+(?:/[\w.-]+)+/?|[\w-]+\.(?:md|toml|py|yaml))`")
COMMAND = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)
EXAMPLES = {"schemas.py", "service.py", "api.py", "tables.py"}
"""Files that each folder of a noun has."""


@pytest.mark.parametrize("guide", ["CONTRIBUTING.md", "AGENTS.md", ".github/pull_request_template.md"])
def test_named_files_exist(guide: str) -> None:
    text = (ROOT / guide).read_text(encoding="utf-8")
    named = set(PATH.findall(text)) - EXAMPLES - {"mcp/__init__.py", "__init__.py"}
    assert named
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("guide", ["CONTRIBUTING.md", "AGENTS.md"])
def test_named_commands_exist(guide: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = (ROOT / guide).read_text(encoding="utf-8")
    assert set(COMMAND.findall(text)) <= targets
