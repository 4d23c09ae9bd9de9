"""What the table of `make chaos` tells of fuzzing."""

from __future__ import annotations

import pytest

from tests.chaos.rounds import ROUNDS


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the rounds where the table finds them."""
    item.user_properties.append(("rounds", ROUNDS))
