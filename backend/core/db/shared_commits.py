"""Commit the statements of several sessions together, if they would wait for each other's commit anyway.

A statement that changes a row locks it until its commit is on the disk. Statements of one process that all change the
same row therefore run one after the other, each with a commit of its own. Here those that arrive while another one runs
are collected, and then run in one transaction, which is sent to the server as a whole: they wait for the disk once, and
for the server once. A statement that meets no other one runs as it would without this module.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import ClauseElement

MAX_TOGETHER: Final = 16
"""Maximum statements in one transaction. The first one waits until the last one has run."""


class Session(Protocol):
    """A session in which each statement is its own transaction: `FastSession`."""

    async def execute(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> Any:
        """Run a statement, and return its rows."""

    async def execute_together(
        self, statements: Sequence[tuple[ClauseElement, Mapping[str, Any]]]
    ) -> Sequence[Any]:
        """Run statements in one transaction and one round trip, and return the rows of each."""

    async def roll_back(self) -> bool:
        """Make the session usable after an error in a transaction; True if nothing of it is stored."""


class RowToLock(NamedTuple):
    """A row that a statement locks before the one that it shares with others."""

    id: UUID | int
    lock: ClauseElement
    """Locks the rows of `:ids` that belong to the shared row `:row`, in the order that holds for their table."""


class _Call(NamedTuple):
    """A statement that waits for its turn, and the session of its caller, which nothing else uses meanwhile."""

    session: Session
    statement: ClauseElement
    values: Mapping[str, Any]
    row_to_lock: RowToLock | None
    result: asyncio.Future[Any]


class SharedCommits:
    """The statements that run and wait in one process, by the row that they change."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[_Call]] = {}
        """An entry for each row that a statement changes now."""
        self._running: set[asyncio.Task[None]] = set()

    async def run(
        self,
        session: Session,
        row: Hashable,
        statement: ClauseElement,
        values: Mapping[str, Any],
        row_to_lock: RowToLock | None = None,
    ) -> Any:
        """Run a statement, in one transaction with those of other sessions that wait for the same row.

        Args:
            session: The session of the caller.
            row: Identifies the row that all these statements lock.
            statement: The statement.
            values: Its named values.
            row_to_lock: The row that the statement locks before the shared one. A transaction of several statements
                locks all of them first, since it could deadlock if it locked one after the shared row.

        Returns:
            The rows of the statement.

        Raises:
            DBAPIError: The database rejected this statement, or is unavailable.
        """
        waiting = self._waiting.get(row)
        if waiting is None:
            self._waiting[row] = []
            try:
                return await session.execute(statement, values)
            finally:
                self._run_next(row)
        result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = _Call(session, statement, values, row_to_lock, result)
        waiting.append(call)
        try:
            return await asyncio.shield(call.result)
        except asyncio.CancelledError:
            if call in waiting:
                waiting.remove(call)
            else:  # its transaction may use the session
                await asyncio.wait({call.result})
            raise

    def _run_next(self, row: Hashable) -> None:
        waiting = self._waiting[row]
        if not waiting:
            del self._waiting[row]
            return
        calls = waiting[:MAX_TOGETHER]
        del waiting[:MAX_TOGETHER]
        task = asyncio.create_task(self._run(row, calls), name="shared commit")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _run(self, row: Hashable, calls: Sequence[_Call]) -> None:
        try:
            if len(calls) == 1 or not await _run_together(row, calls):
                for call in calls:
                    await _run_alone(call)
        finally:
            for call in calls:  # after a cancellation only: at the end of the process
                call.result.cancel()
            self._run_next(row)


async def _run_together(row: Hashable, calls: Sequence[_Call]) -> bool:
    """Run the statements in one transaction; False if one of them was rejected, so that nothing is stored."""
    session, locks = calls[0].session, _locks(row, calls)
    statements = [(call.statement, call.values) for call in calls]
    try:
        results = (await session.execute_together([*locks, *statements]))[len(locks) :]
    except Exception as error:  # noqa: BLE001 - each caller raises it
        if await session.roll_back():
            return False
        for call in calls:
            call.result.set_exception(error)
        return True
    for call, result in zip(calls, results, strict=True):
        call.result.set_result(result)
    return True


def _locks(row: Hashable, calls: Sequence[_Call]) -> list[tuple[ClauseElement, Mapping[str, Any]]]:
    """Return the statements that lock the rows of all these calls."""
    locked = [call.row_to_lock for call in calls if call.row_to_lock is not None]
    return [
        (lock, {"ids": [each.id for each in locked if each.lock is lock], "row": row})
        for lock in dict.fromkeys(each.lock for each in locked)
    ]


async def _run_alone(call: _Call) -> None:
    try:
        call.result.set_result(await call.session.execute(call.statement, call.values))
    except Exception as error:  # noqa: BLE001 - the caller raises it
        call.result.set_exception(error)
