"""A process that is frozen in the middle of a transaction does not keep its locks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db.engine import Database

WITHIN_S = 10.0
LOCK = text("select pg_advisory_xact_lock(4711)")


async def test_who_waits_behind_a_frozen_process_goes_on_and_its_own_commit_is_refused(
    database_url: str,
) -> None:
    frozen, waiting = Database(database_url, max_idle_s=1), Database(database_url)
    async with frozen.transaction() as its_own:
        await its_own.execute(LOCK)
        async with asyncio.timeout(WITHIN_S), waiting.transaction() as session:
            await session.execute(LOCK)
        with pytest.raises(DBAPIError, match=r"idle-in-transaction|closed"):
            await its_own.execute(text("select 1"))
        await its_own.rollback()
    await frozen.close()
    await waiting.close()


async def test_others_may_think_for_as_long_as_they_like(database_url: str) -> None:
    database = Database(database_url)
    async with database.transaction() as session:
        said = (await session.execute(text("show idle_in_transaction_session_timeout"))).scalar_one()
    assert said == "0"
    await database.close()
