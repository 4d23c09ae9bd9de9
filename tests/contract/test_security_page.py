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
MAX_WORDS = 4_900
MAX_COLUMNS = 140


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


def test_guards_name_code_and_tests_and_boundaries_name_their_limits() -> None:
    assert len(TESTS) > 50
    boundaries = [section for section in PAGE.split("\n## ")[1:] if "    - Tests: " in section]
    assert len(boundaries) > 10
    for section in boundaries:
        title, _, text = section.partition("\n\n")
        guards, _, limits = text.partition("\n\n**Not guarded:** ")
        assert limits, title
        for guard in f"\n{guards}".split("\n- ")[1:]:
            code, _, tests = guard.partition("\n    - Code: `")[2].partition("\n    - Tests: `")
            assert code, guard
            assert "::test_" in tests, guard


def test_page_is_short_and_wrapped_as_the_other_pages() -> None:
    assert len(PAGE.split()) <= MAX_WORDS
    assert [line for line in PAGE.splitlines() if len(line) > MAX_COLUMNS] == []
