"""Stored values do not reach the log through database errors."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db.connections import error_summary
from backend.core.db.engine import Database

SECRET = "hunter2hunter2"


@pytest.mark.parametrize("way", ["transaction", "single"])
async def test_database_error_does_not_contain_the_values(database: Database, way: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with getattr(database, way)() as session:
            await session.execute(text("select :value from nowhere"), {"value": SECRET})
    assert "nowhere" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_error_summary_is_one_line_without_the_statement() -> None:
    error = psycopg.errors.UndefinedTable('relation "x" does not exist\nLINE 1: select secret from x')
    assert error_summary(DBAPIError("select secret from x", None, error)) == 'relation "x" does not exist'
    assert error_summary(TimeoutError()) == "TimeoutError"
