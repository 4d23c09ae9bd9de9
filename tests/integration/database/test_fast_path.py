"""The fast path to the database: rows, errors and connections behave as on the normal path."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from backend.core.db.engine import Database
from backend.core.db.prepared_statements import MAX_PREPARED

ADDED = text("select cast(:many as bigint) + 1 as sum, :word || ':' as word, cast(:none as text) as none")
DOUBLED = text("select 1 as n, 2 as n")
TAKEN = text("insert into pg_temp.taken values (:id)")


async def test_values_of_every_size_use_one_statement(database: Database) -> None:
    async with database.reading() as reader:
        for many in (1, 70_000, 2**40, -(2**62), 1):
            row = (await reader.execute(ADDED, {"many": many, "word": "a", "none": None})).one()
            assert row._asdict() == {"sum": many + 1, "word": "a:", "none": None}


async def test_more_statements_than_the_prepared_limit_still_run(database: Database) -> None:
    async with database.reading() as reader:
        for number in range(MAX_PREPARED + 5):
            statement = text(f"select {number} + cast(:n as int)")
            assert (await reader.execute(statement, {"n": 1})).scalar_one() == number + 1


async def test_statement_without_rows_and_duplicate_column_names_work(database: Database) -> None:
    async with database.reading() as reader:
        assert (await reader.execute(text("set application_name to 'short'"))).all() == []
        assert tuple((await reader.execute(DOUBLED)).one()) == (1, 2)


async def test_errors_equal_those_of_the_normal_path(database: Database) -> None:
    async with database.reading() as reader:
        with pytest.raises(DBAPIError, match="division by zero"):
            await reader.execute(text("select 1 / cast(:n as int)"), {"n": 0})
        await reader.execute(text("create temporary table taken (id int primary key)"))
        await reader.execute(TAKEN, {"id": 1})
        with pytest.raises(IntegrityError):
            await reader.execute(TAKEN, {"id": 1})
        assert (await reader.execute(DOUBLED)).one()[0] == 1


async def test_interrupted_statement_frees_its_connection(database: Database) -> None:
    for _ in range(12):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), database.reading() as reader:
                await reader.execute(text("select pg_sleep(30)"))
    async with database.reading() as reader:
        assert (await reader.execute(DOUBLED)).one()[1] == 2
    assert database.connections()["hot", "in_use"] == 0


async def test_session_without_statements_needs_no_database() -> None:
    unreachable = Database("postgresql://puras@127.0.0.1:1/nothing")
    async with unreachable.reading():
        pass
    async with unreachable.reading() as reader:
        with pytest.raises(OperationalError):
            await reader.execute(DOUBLED)
    await unreachable.close()
