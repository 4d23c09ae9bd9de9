"""A process that is frozen in the middle of a transaction loses its locks."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db.engine import Database

WITHIN_S = 10.0
LOCK = text("select pg_advisory_xact_lock(4711)")


async def test_waiter_continues_and_the_commit_of_a_frozen_process_fails(
    database_url: str,
) -> None:
    frozen, waiting = Database(database_url, max_idle_s=1), Database(database_url)
    async with frozen.transaction() as frozen_session:
        await frozen_session.execute(LOCK)
        async with asyncio.timeout(WITHIN_S), waiting.transaction() as session:
            await session.execute(LOCK)
        with pytest.raises(DBAPIError, match=r"idle-in-transaction|closed"):
            await frozen_session.execute(text("select 1"))
        await frozen_session.rollback()
    await frozen.close()
    await waiting.close()


async def test_other_connections_have_no_idle_timeout(database_url: str) -> None:
    database = Database(database_url)
    async with database.transaction() as session:
        timeout = (await session.execute(text("show idle_in_transaction_session_timeout"))).scalar_one()
    assert timeout == "0"
    await database.close()
