"""The data about fuzzing for the table of `make chaos`."""

from __future__ import annotations

import pytest

from tests.chaos.rounds import ROUNDS


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Store the number of rounds with the test for the table."""
    item.user_properties.append(("rounds", ROUNDS))
