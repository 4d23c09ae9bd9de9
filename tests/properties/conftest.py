"""Random histories start with an empty database: the invariants cover all of it, and other tests violate them."""

from __future__ import annotations

import pytest

from tests.conftest import empty


@pytest.fixture(scope="module")
def database_url(database_url: str) -> str:
    """Empty the database of the test process at the start of the module, and return its URL."""

    empty(database_url)
    return database_url
