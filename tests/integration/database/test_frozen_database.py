"""A frozen database neither responds nor rejects: requests fail within a bounded time, and work later."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from backend.core.db.disconnect import shut_down_after
from backend.core.db.engine import Database
from backend.core.db.liveness import MAX_SILENCE_S
from backend.embedded import home as homes
from backend.embedded import postgres
from tests.integration.database.freeze import frozen

MAX_WAIT_S = MAX_SILENCE_S + 2.0
ONE = text("select 1")
WAYS = ("reading", "single", "read_session", "transaction")


@pytest.fixture(scope="module")
def postmaster() -> Iterator[tuple[int, str]]:
    """Start a server that only this module uses; yield its process ID and its URL."""
    folder = Path(tempfile.mkdtemp(prefix="puras-frozen-", dir="/tmp"))
    folder.chmod(0o755)
    home = folder / "home"
    try:
        url = postgres.start(home)
        pid = postgres.running_pid(home)
        assert pid is not None
        yield pid, url
    finally:
        postgres.stop(home)
        homes.remove_short_folder(home)
        shutil.rmtree(folder)


@pytest_asyncio.fixture
async def database(postmaster: tuple[int, str]) -> AsyncIterator[Database]:
    """Return a database whose connections are open already."""
    database = Database(postmaster[1], pool_size=2)
    async with (
        database.reading() as short,
        database.transaction() as session,
        database.read_session() as other,
    ):
        for one in (short, session, other):
            await one.execute(ONE)
    yield database
    await database.close()


@asynccontextmanager
async def fails_within(limit_s: float) -> AsyncIterator[None]:
    began = time.monotonic()
    with pytest.raises(OperationalError):
        yield
    assert time.monotonic() - began < limit_s


async def wait_until_responsive(database: Database) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                async with database.reading() as session:
                    await session.execute(ONE)
                return
            except SQLAlchemyError:
                await asyncio.sleep(0.05)


async def test_statements_on_a_frozen_database_fail_and_work_later(
    database: Database, postmaster: tuple[int, str]
) -> None:
    async def assert_fails(way: str, limit_s: float) -> None:
        async with fails_within(limit_s), getattr(database, way)() as session:
            await session.execute(ONE)

    with frozen(postmaster[0]):
        await asyncio.gather(*(assert_fails(way, MAX_WAIT_S) for way in WAYS))
        assert database.liveness.is_silent
        await asyncio.gather(*(assert_fails(way, 0.2) for way in WAYS))
    await wait_until_responsive(database)
    for way in WAYS:
        async with getattr(database, way)() as session:
            assert (await session.execute(ONE)).scalar_one() == 1


async def test_commit_without_a_response_is_an_error(database: Database, postmaster: tuple[int, str]) -> None:
    async with fails_within(MAX_WAIT_S), database.transaction() as session:
        await session.execute(ONE)
        freeze = frozen(postmaster[0])
        freeze.__enter__()
    freeze.__exit__(None, None, None)
    await wait_until_responsive(database)


async def test_first_connection_to_a_frozen_database_times_out(postmaster: tuple[int, str]) -> None:
    database = Database(postmaster[1])
    with frozen(postmaster[0]):
        async with fails_within(MAX_WAIT_S), database.reading() as session:
            await session.execute(ONE)
        async with fails_within(MAX_WAIT_S), database.transaction() as session:
            await session.execute(ONE)
    await wait_until_responsive(database)
    await database.close()


async def test_slow_statement_of_a_responsive_database_is_not_interrupted(database: Database) -> None:
    async with database.reading() as short, database.transaction() as session:
        slow_statement = text(f"select pg_sleep({MAX_WAIT_S}), 1 as one")
        rows = await asyncio.gather(short.execute(slow_statement), session.execute(slow_statement))
    assert [result.one().one for result in rows] == [1, 1]
    assert not database.liveness.is_silent


async def test_all_waiters_for_a_connection_fail_in_time(
    database: Database, postmaster: tuple[int, str]
) -> None:
    async def read() -> float:
        began = time.monotonic()
        with pytest.raises(SQLAlchemyError):
            async with database.reading() as session:
                await session.execute(ONE)
        return time.monotonic() - began

    async def write() -> float:
        began = time.monotonic()
        with pytest.raises(SQLAlchemyError):
            async with database.transaction() as session:
                await session.execute(ONE)
        return time.monotonic() - began

    with frozen(postmaster[0]):
        durations_s = await asyncio.gather(*(way() for way in (read, write) for _ in range(20)))
    assert max(durations_s) < MAX_WAIT_S
    await wait_until_responsive(database)


async def test_cancelled_transaction_ends_in_time(database: Database, postmaster: tuple[int, str]) -> None:
    began = time.monotonic()
    with frozen(postmaster[0]):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), database.transaction() as session:
                await session.execute(ONE)
        assert time.monotonic() - began < MAX_WAIT_S + 2
    await wait_until_responsive(database)


def test_separate_connection_of_a_thread_is_closed_too(postmaster: tuple[int, str]) -> None:
    with psycopg.connect(postmaster[1], autocommit=True) as connection:
        connection.execute("select 1")
        with frozen(postmaster[0]), pytest.raises(psycopg.OperationalError), shut_down_after(connection, 0.5):
            connection.execute("select 1")
