"""Random histories start with an empty database: the invariants cover all of it, and other tests violate them."""

from __future__ import annotations

import asyncio

import pytest

from backend.core.db.engine import Database
from tests.conftest import empty


@pytest.fixture(scope="module")
def database_url(database_url: str) -> str:
    """Empty the database of the test process at the start of the module, and return its URL."""

    async def clear() -> None:
        database = Database(database_url)
        await empty(database)
        await database.close()

    asyncio.run(clear())
    return database_url
