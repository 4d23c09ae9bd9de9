"""`SECURITY.md` and the list of attempts name existing modules and tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))
PATHS = sorted(set(re.findall(r"`((?:backend|studio|workers|skills_kit|mcp)/[\w/.]+)`", PAGE)))
ATTEMPTS = (ROOT / "docs" / "security-tests.md").read_text(encoding="utf-8")
MAX_LINES = 280


@pytest.mark.parametrize(("file", "name"), TESTS, ids=[name for _, name in TESTS])
def test_named_test_exists(file: str, name: str) -> None:
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    assert name in {part.name for part in body if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef))}


def test_attempts_name_existing_test_files() -> None:
    groups = [
        line
        for line in ATTEMPTS.partition("## A third review")[0].splitlines()
        if line.startswith("| ") and not line.startswith("| Group")
    ]
    assert len(groups) > 15
    for group in groups:
        files = re.findall(r"`(tests/[\w/]+\.py)`", group)
        assert files, group
        assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("path", PATHS)
def test_named_module_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_guards_name_tests_and_boundaries_name_their_limits() -> None:
    assert len(TESTS) > 50
    assert len(PAGE.splitlines()) <= MAX_LINES
    for section in PAGE.split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("| ") and "Guard" not in line]
        assert all("::test_" in row for row in rows), section.splitlines()[0]
        assert not rows or "**Not guarded:**" in section, section.splitlines()[0]
