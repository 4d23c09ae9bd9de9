"""The frame that `puras-studio up` prints when the instance is ready."""

from __future__ import annotations

import pytest

from backend.operations.up.welcome import box

LINES = ["Puras Studio is ready on http://127.0.0.1:8000", "", "Logs: /tmp/up.log"]


def test_wide_terminal_gets_a_complete_frame() -> None:
    rows = box(LINES, 80, "utf-8").splitlines()
    assert {len(row) for row in rows} == {len(LINES[0]) + 4}
    assert rows[0] == "╭" + "─" * 48 + "╮" and rows[-1] == "╰" + "─" * 48 + "╯"
    assert rows[1] == f"│ {LINES[0]} │"


@pytest.mark.parametrize("columns", [20, 49])
def test_long_line_is_never_wrapped(columns: int) -> None:
    rows = box(LINES, columns, "utf-8").splitlines()
    assert rows == ["─" * columns, *(f"  {line}".rstrip() for line in LINES), "─" * columns]


def test_output_without_box_characters_gets_ascii() -> None:
    assert box(LINES, 80, "ascii").isascii()
