"""Amounts of money are parsed exactly, or rejected."""

from __future__ import annotations

import pytest

from backend.core.errors import Invalid
from backend.operations.money_commands import micros


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("5", 5_000_000), ("0.1", 100_000), ("$2.50", 2_500_000), ("0.000001", 1), ("0", 0)],
)
def test_amounts_are_exact(typed: str, amount: int) -> None:
    assert micros(typed) == amount


@pytest.mark.parametrize(
    "typed", ["", "five", "-1", "0.0000001", "NaN", "Infinity", "1,000", "1e2", "1e999999999"]
)
def test_invalid_amount_is_rejected(typed: str) -> None:
    with pytest.raises(Invalid, match="is not an amount"):
        micros(typed)
