"""A process that holds the lock of a wallet in a transaction: `python -m … URL PROJECT_ID KIND MAX_IDLE_S`.

It prints `held`. With a MAX_IDLE_S of 0, the value of the API, it also waits for a statement on a second connection,
and prints `noticed` and the monotonic time when that connection is lost.
"""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import suppress

import psycopg
from sqlalchemy import text

from backend.core.db import pooler
from backend.core.db.engine import AnySession, Database

STATEMENT_S = 100


async def main(url: str, project_id: str, kind: str, max_idle_s: int) -> None:
    """Hold the lock for as long as this process lives."""
    database = Database(url, max_idle_s=max_idle_s)
    if kind == "session":
        async with database.transaction() as session:
            await _hold(session, url, project_id, is_watching=not max_idle_s)
    else:
        async with database.reading() as reader, reader.one_transaction():
            await _hold(reader, url, project_id, is_watching=not max_idle_s)


async def _hold(session: AnySession, url: str, project_id: str, *, is_watching: bool) -> None:
    await session.execute(text("select from wallets where project_id = :id for update"), {"id": project_id})
    if is_watching:
        settings = pooler.connect_settings(url)
        other = await psycopg.AsyncConnection.connect(url, autocommit=True, **settings)
        waiting = asyncio.create_task(other.execute(f"select pg_sleep({STATEMENT_S})"))
        await asyncio.sleep(0.2)  # the statement is sent by then
        print("held", flush=True)
        with suppress(psycopg.Error):
            await waiting
        print("noticed", time.monotonic(), flush=True)
    else:
        print("held", flush=True)
    await asyncio.sleep(STATEMENT_S)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
