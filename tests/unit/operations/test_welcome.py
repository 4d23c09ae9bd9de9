"""The frame that `puras-studio up` prints when the instance is ready."""

from __future__ import annotations

import pytest

from backend.operations.up.welcome import box

LINES = ["Puras Studio is ready on http://127.0.0.1:8000", "", "Logs: /tmp/up.log"]


@pytest.mark.parametrize(("columns", "width"), [(20, 20), (49, 49), (80, 50)])
def test_lines_are_never_broken_and_rules_fit_the_terminal(columns: int, width: int) -> None:
    rows = box(LINES, columns, "utf-8").splitlines()
    assert rows == ["─" * width, *(f"  {line}".rstrip() for line in LINES), "─" * width]


def test_output_without_box_characters_gets_ascii_rules() -> None:
    assert box(LINES, 80, "ascii").isascii()
