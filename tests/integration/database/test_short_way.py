"""The short way to the database: rows, errors and connections are as they are on the long one."""

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


async def test_values_of_every_size_fit_one_statement(database: Database) -> None:
    async with database.reading() as reader:
        for many in (1, 70_000, 2**40, -(2**62), 1):
            row = (await reader.execute(ADDED, {"many": many, "word": "a", "none": None})).one()
            assert row._asdict() == {"sum": many + 1, "word": "a:", "none": None}


async def test_more_statements_than_are_kept_prepared_still_run(database: Database) -> None:
    async with database.reading() as reader:
        for number in range(MAX_PREPARED + 5):
            statement = text(f"select {number} + cast(:n as int)")
            assert (await reader.execute(statement, {"n": 1})).scalar_one() == number + 1


async def test_a_statement_without_rows_gives_none_and_columns_may_share_a_name(database: Database) -> None:
    async with database.reading() as reader:
        assert (await reader.execute(text("set application_name to 'short'"))).all() == []
        assert tuple((await reader.execute(DOUBLED)).one()) == (1, 2)


async def test_an_error_is_the_long_way_s_and_the_next_statement_runs(database: Database) -> None:
    async with database.reading() as reader:
        with pytest.raises(DBAPIError, match="division by zero"):
            await reader.execute(text("select 1 / cast(:n as int)"), {"n": 0})
        await reader.execute(text("create temporary table taken (id int primary key)"))
        await reader.execute(TAKEN, {"id": 1})
        with pytest.raises(IntegrityError):
            await reader.execute(TAKEN, {"id": 1})
        assert (await reader.execute(DOUBLED)).one()[0] == 1


async def test_a_statement_that_is_broken_off_costs_no_place(database: Database) -> None:
    for _ in range(12):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), database.reading() as reader:
                await reader.execute(text("select pg_sleep(30)"))
    async with database.reading() as reader:
        assert (await reader.execute(DOUBLED)).one()[1] == 2
    assert database.connections()["hot", "in_use"] == 0


async def test_a_session_that_asks_nothing_needs_no_database() -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    async with away.reading():
        pass
    async with away.reading() as reader:
        with pytest.raises(OperationalError):
            await reader.execute(DOUBLED)
    await away.close()
