"""Histories begin with an empty database: their laws hold for all of it, and other tests leave what breaks them."""

from __future__ import annotations

import asyncio

import pytest

from backend.core.db.engine import Database
from tests.conftest import empty


@pytest.fixture(scope="module")
def database_url(database_url: str) -> str:
    """The database of the test process, empty when the module starts."""

    async def clear() -> None:
        database = Database(database_url)
        await empty(database)
        await database.close()

    asyncio.run(clear())
    return database_url
