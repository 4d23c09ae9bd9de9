"""Statements of several sessions that change one row are committed together, and behave as if they ran alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.core.db import shared_commits
from backend.core.db.engine import Database, execute_shared
from backend.core.db.shared_commits import MAX_TOGETHER, MAX_WAIT_MS, RowToLock

ROWS = [UUID(int=number) for number in range(4)]
COUNT_UP = text(
    "update counted set n = n + cast(:by as int) / cast(:divisor as int) where id = :id "
    "returning n, cast(pg_current_xact_id() as text) as transaction, pg_backend_pid() as pid"
)
READ = text("select n from counted where id = :id")

SOON_S = MAX_WAIT_MS / 1000 / 5
"""A time in which statements still wait for those of other rows."""


@pytest.fixture
def long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let statements wait for running ones for longer than a busy host delays the last one."""
    monkeypatch.setattr(shared_commits, "MAX_WAIT_MS", 5_000)


@pytest.fixture
async def counted(database: Database) -> AsyncIterator[Database]:
    async with database.transaction() as session:
        await session.execute(text("create table counted (id int primary key, n int not null)"))
        await session.execute(text("insert into counted values (1, 0), (2, 0), (3, 0)"))
    yield database
    async with database.transaction() as session:
        await session.execute(text("drop table counted"))


async def _count_up(
    database: Database,
    *,
    divisor: int = 1,
    number: int = 1,
    row_to_lock: RowToLock | None = None,
) -> Any:
    async with database.single() as session:
        values = {"by": 1, "divisor": divisor, "id": number}
        return (await execute_shared(session, ROWS[number], COUNT_UP, values, row_to_lock)).one()


async def _number(database: Database, number: int = 1) -> int:
    async with database.reading() as session:
        n: int = (await session.execute(READ, {"id": number})).scalar_one()
        return n


@asynccontextmanager
async def _row_locked(database: Database, number: int = 1) -> AsyncIterator[None]:
    """Hold the lock of the row, so that statements that arrive during the block wait."""
    async with database.transaction() as session:
        await session.execute(text("select from counted where id = :id for update"), {"id": number})
        yield


async def _started(*calls: Any, after_s: float = 2 * MAX_WAIT_MS / 1000) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(after_s)
    return tasks


async def test_waiting_statements_share_one_transaction(counted: Database) -> None:
    async with _row_locked(counted):
        tasks = await _started(*(_count_up(counted) for _ in range(6)))
    rows = await asyncio.gather(*tasks)
    assert [row.n for row in rows] == [1, 2, 3, 4, 5, 6], "in the order of their arrival"
    assert len({row.transaction for row in rows}) == 2, "the first one alone, then all others"
    assert await _number(counted) == 6


async def test_statement_alone_needs_no_task(counted: Database) -> None:
    tasks = len(asyncio.all_tasks())
    async with counted.single() as session:
        calls = execute_shared(session, ROWS[1], COUNT_UP, {"by": 1, "divisor": 1, "id": 1})
        assert (await calls).one().n == 1
        assert len(asyncio.all_tasks()) == tasks


async def _run_together(counted: Database, count: int) -> None:
    """Let statements run together so often that the next ones expect each other."""
    for _ in range(12):
        await asyncio.gather(*(_count_up(counted) for _ in range(count)))


async def test_statements_that_usually_run_together_wait_for_each_other(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_commits, "MAX_GATHER_MS", 5_000)  # longer than a busy host delays the last one
    await _run_together(counted, 4)
    first = await _started(*(_count_up(counted) for _ in range(3)), after_s=SOON_S)
    assert not any(task.done() for task in first), "they wait for the fourth one"
    rows = [await _count_up(counted), *await asyncio.gather(*first)]
    assert len({row.transaction for row in rows}) == 1


async def test_statement_waits_once_for_others_that_do_not_arrive(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _run_together(counted, 4)
    assert (await _count_up(counted)).n == 49
    monkeypatch.setattr(shared_commits, "MAX_GATHER_MS", 60_000)
    async with asyncio.timeout(30):
        assert [(await _count_up(counted)).n for _ in range(3)] == [50, 51, 52]


async def test_caller_that_leaves_does_not_delay_the_others(
    counted: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _run_together(counted, 4)
    monkeypatch.setattr(shared_commits, "MAX_GATHER_MS", 2_000)
    tasks = await _started(*(_count_up(counted) for _ in range(3)), after_s=SOON_S)
    for task in tasks[:2]:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in ended] == [True, True, False]
    assert await _number(counted) == 49


async def test_rejected_statement_fails_only_for_its_caller(counted: Database) -> None:
    async with _row_locked(counted):
        tasks = await _started(*(_count_up(counted, divisor=n != 2) for n in range(5)))
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, DBAPIError) for each in ended] == [False, False, True, False, False]
    assert "division by zero" in str(ended[2])
    assert await _number(counted) == 4
    assert counted.connections()["hot", "in_use"] == 0


async def test_lost_connection_fails_for_all_callers_and_not_later(counted: Database) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_row_locked(counted))
        first = await _started(_count_up(counted))
        rest = await _started(*(_count_up(counted) for _ in range(3)))
        async with counted.reading() as session:
            waiting = text("select pid from pg_locks where not granted")
            pids = (await session.execute(waiting)).all()
            assert len(pids) == 1, "only the first statement waits for the lock in the database"
            await session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pids[0].pid})
        [lost] = await asyncio.gather(*first, return_exceptions=True)
        assert isinstance(lost, DBAPIError)
        await asyncio.sleep(0.1)  # the others wait for the lock together now
        async with counted.reading() as session:
            pids = (await session.execute(waiting)).all()
            assert len(pids) == 1
            await session.execute(text("select pg_terminate_backend(:pid)"), {"pid": pids[0].pid})
        ended = await asyncio.gather(*rest, return_exceptions=True)
        assert all(isinstance(each, DBAPIError) for each in ended)
    assert await _number(counted) == 0, "nothing of the lost transactions is stored, and nothing ran again"
    assert (await _count_up(counted)).n == 1


async def test_cancelled_caller_leaves_and_others_stay(counted: Database) -> None:
    async with _row_locked(counted):
        _first, leaves, *rest = tasks = await _started(*(_count_up(counted) for _ in range(4)))
        leaves.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaves
        assert not any(task.done() for task in rest)
    await asyncio.gather(*(task for task in tasks if task is not leaves))
    assert await _number(counted) == 3


async def test_cancelled_caller_of_running_transaction_does_not_disturb_it(counted: Database) -> None:
    async with _row_locked(counted):
        first = await _started(_count_up(counted))
        rest = await _started(*(_count_up(counted) for _ in range(3)))
        first[0].cancel()  # so that the others run, and wait for the lock in the database
        await asyncio.sleep(0.1)
        rest[0].cancel()
        await asyncio.sleep(0.1)
        assert not rest[0].done(), "its session is in use"
    ended = await asyncio.gather(*rest, return_exceptions=True)
    assert [isinstance(each, asyncio.CancelledError) for each in ended] == [True, False, False]
    assert await _number(counted) == 3, "a cancelled statement may be stored, as without other callers"
    assert counted.connections()["hot", "in_use"] == 0


async def test_rows_of_all_statements_are_locked_before_the_shared_one(counted: Database) -> None:
    lock = text(
        "select from counted where id = any(:ids) and cardinality(cast(:rows as uuid[])) = 1 order by id for update"
    )
    async with _row_locked(counted):
        tasks = await _started(
            _count_up(counted), *(_count_up(counted, row_to_lock=RowToLock(2, lock)) for _ in range(2))
        )
        other = counted.transaction()
        session = await other.__aenter__()
        await session.execute(text("select from counted where id = 2 for update"))
    await tasks[0]
    await asyncio.sleep(0.1)  # the two others wait for row 2 now, and do not have row 1
    await session.execute(text("set local lock_timeout = '500ms'"))
    await session.execute(COUNT_UP, {"by": 1, "divisor": 1, "id": 1})
    await other.__aexit__(None, None, None)
    await asyncio.gather(*tasks)
    assert await _number(counted) == 4


async def test_statements_of_other_rows_do_not_wait(counted: Database) -> None:
    async with _row_locked(counted):
        tasks = await _started(_count_up(counted), _count_up(counted))
        async with asyncio.timeout(5):
            assert (await _count_up(counted, number=2)).n == 1
        assert not any(task.done() for task in tasks)
    await asyncio.gather(*tasks)


@pytest.mark.usefixtures("long_wait")
async def test_statements_of_several_rows_share_one_transaction(counted: Database) -> None:
    async with _row_locked(counted):
        tasks = await _started(*(_count_up(counted, number=n) for n in (1, 3, 2, 3, 1)), after_s=SOON_S)
    first, *rest = await asyncio.gather(*tasks)
    assert [row.n for row in rest] == [1, 1, 2, 2]
    assert len({row.transaction for row in rest}) == 1
    assert first.transaction != rest[0].transaction


@pytest.mark.usefixtures("long_wait")
async def test_rejected_statement_does_not_affect_other_rows(counted: Database) -> None:
    async with _row_locked(counted):
        given = ((1, 1), (2, 1), (2, 0), (3, 1), (1, 1))
        calls = (_count_up(counted, number=number, divisor=divisor) for number, divisor in given)
        tasks = await _started(*calls, after_s=SOON_S)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, DBAPIError) for each in ended] == [False, False, True, False, False]
    assert [await _number(counted, number) for number in (1, 2, 3)] == [2, 1, 1]
    assert counted.connections()["hot", "in_use"] == 0


@pytest.mark.usefixtures("long_wait")
async def test_locked_row_delays_others_of_its_transaction_only_shortly(counted: Database) -> None:
    async with _row_locked(counted, 2):
        async with _row_locked(counted):
            tasks = await _started(*(_count_up(counted, number=n) for n in (1, 2, 3, 2)), after_s=SOON_S)
        async with asyncio.timeout(5):
            assert [row.n for row in await asyncio.gather(tasks[0], tasks[2])] == [1, 1]
            assert (await _count_up(counted, number=3)).n == 2
        assert not tasks[1].done()
        assert not tasks[3].done()
    assert [row.n for row in await asyncio.gather(tasks[1], tasks[3])] == [1, 2]
    assert counted.connections()["hot", "in_use"] == 0


@pytest.mark.usefixtures("long_wait")
async def test_rows_are_locked_in_the_order_that_holds_for_all_processes(counted: Database) -> None:
    async with _row_locked(counted, 2):
        async with _row_locked(counted):
            tasks = await _started(*(_count_up(counted, number=n) for n in (1, 3, 2)), after_s=SOON_S)
        await tasks[0]
        await asyncio.sleep(SOON_S)  # the others run together now, and wait for row 2
        async with counted.transaction() as session:
            await session.execute(text("select from counted where id = 3 for update nowait"))
    await asyncio.gather(*tasks)


async def test_more_callers_than_connections_and_than_one_transaction(counted: Database) -> None:
    many = 3 * MAX_TOGETHER
    rows = await asyncio.gather(*(_count_up(counted) for _ in range(many)))
    assert sorted(row.n for row in rows) == list(range(1, many + 1))
    assert await _number(counted) == many
    assert counted.connections()["hot", "in_use"] == 0


async def test_unit_of_work_with_other_statements_keeps_its_transaction(counted: Database) -> None:
    with pytest.raises(RuntimeError):
        async with counted.transaction() as session:
            await execute_shared(session, ROWS[1], COUNT_UP, {"by": 1, "divisor": 1, "id": 1})
            raise RuntimeError("undone with everything else")
    assert await _number(counted) == 0
