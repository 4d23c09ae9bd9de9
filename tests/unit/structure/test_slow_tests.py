"""Each entry of tests/slow.toml names tests that exist, and says what covers them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SLOW: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tests/slow.toml").read_text(encoding="utf-8"))
NAMED_FILE = re.compile(r"tests/[\w/]+(?:\.py)?")


@pytest.mark.parametrize("beginning", [beginning for tests in SLOW.values() for beginning in tests])
def test_entry_names_a_test(beginning: str) -> None:
    path, _, name = beginning.partition("::")
    assert (ROOT / path).exists()
    if name:
        assert f"def {name.partition('[')[0]}" in (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", sorted({*SLOW["long"].values(), *SLOW["covered"].values()}))
def test_covering_files_exist(reason: str) -> None:
    assert reason
    assert [path for path in NAMED_FILE.findall(reason) if not (ROOT / path).exists()] == []
