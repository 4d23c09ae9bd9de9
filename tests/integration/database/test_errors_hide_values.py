"""What people store does not reach the log by way of an error."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db import Database

SECRET = "hunter2hunter2"


@pytest.mark.parametrize("way", ["transaction", "single"])
async def test_an_error_of_the_database_does_not_tell_the_values(database: Database, way: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with getattr(database, way)() as session:
            await session.execute(text("select :value from nowhere"), {"value": SECRET})
    assert "nowhere" in str(caught.value)
    assert SECRET not in str(caught.value)
