"""After a restart of the database, connections from before are not used."""

from __future__ import annotations

import asyncio

import psycopg
from sqlalchemy import text

from backend.core.db.engine import Database

OURS = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


async def test_first_unit_of_work_after_a_restart_succeeds(database: Database, database_url: str) -> None:
    for _ in range(3):
        async with asyncio.TaskGroup() as group:
            for _ in range(4):
                group.create_task(run_each_kind(database))
        end_every_connection(database_url)
        for _ in range(8):
            await run_each_kind(database)


async def run_each_kind(database: Database) -> None:
    async with database.transaction() as session:
        assert (await session.execute(text("select 1"))).scalar_one() == 1
    async with database.read_session() as session:
        assert (await session.execute(text("select 2"))).scalar_one() == 2
    async with database.reading() as reader:
        assert (await reader.execute(SELECT_3)).scalar_one() == 3


SELECT_3 = text("select 3")


def end_every_connection(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        ended = connection.execute(f"select pg_terminate_backend(pid, 5000) from ({OURS}) ours").fetchall()
        assert len(ended) >= 2
