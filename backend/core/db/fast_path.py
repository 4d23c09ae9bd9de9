"""The fast path to the database, for the few statements that every job runs.

SQLAlchemy takes about a millisecond per statement when its code is not in the processor's caches, and a job runs six of
them. This module runs the same statements (`text(…)`, or a `select` that is built once) with psycopg directly: each is
its own transaction and is prepared by the server. Errors are those of SQLAlchemy, so callers handle one kind of error.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import ClauseElement, text
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.exc import TimeoutError as NoPlace

from backend.core.db import pooler
from backend.core.db.connections import is_open
from backend.core.db.liveness import Liveness, WatchedConnection
from backend.core.db.prepared_statements import Exchange, compiled
from backend.core.db.shared_commits import RowToLock, SharedCommits

_COMMIT: Final = text("commit")


class _Slot(NamedTuple):
    """A connection and its prepared statements."""

    connection: WatchedConnection
    exchange: Exchange


class FastResult:
    """The rows of one statement, all of them in memory."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """Return every row."""
        return self._rows

    def first(self) -> Any:
        """Return the first row, or None."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """Return the only row.

        Raises:
            NoResultFound: There is no row.
            MultipleResultsFound: There are several rows.
        """
        if not self._rows:
            raise NoResultFound("No row was found when one was required")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        """Return the only row, or None.

        Raises:
            MultipleResultsFound: There are several rows.
        """
        if len(self._rows) > 1:
            raise MultipleResultsFound("Multiple rows were found when one was required")
        return self.first()

    def scalar_one(self) -> Any:
        """Return the first value of the only row."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first value of the only row, or None."""
        row = self.one_or_none()
        return None if row is None else row[0]


class FastSession:
    """A session for statements that are each their own transaction, on a connection taken with the first statement."""

    def __init__(self, connections: FastConnections) -> None:
        self.info: dict[str, Any] = {}
        self._connections = connections
        self._slot: _Slot | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._slot is not None:
            await self._connections.give_back(self._slot)
            self._slot = None

    async def execute(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> FastResult:
        """Run a statement with its named values.

        Raises:
            DBAPIError: The database rejected the statement, or is unavailable.
            TimeoutError: Every connection was in use for too long.
        """
        if self._slot is None:
            self._slot = await self._connections.take()
        prepared = compiled(statement)
        try:
            return FastResult(
                await self._slot.exchange.run(prepared, {**prepared.constants, **(values or {})})
            )
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, prepared.sql.decode()) from error

    async def execute_together(
        self, statements: Sequence[tuple[ClauseElement, Mapping[str, Any]]]
    ) -> list[FastResult]:
        """Run statements with their named values in one transaction and one round trip.

        After an error nothing of them is stored, and the session cannot be used before `roll_back`.

        Raises:
            DBAPIError: The database rejected a statement, or is unavailable.
            TimeoutError: Every connection was in use for too long.
        """
        if self._slot is None:
            self._slot = await self._connections.take()
        prepared = [(compiled(statement), values) for statement, values in statements]
        try:
            rows = await self._slot.exchange.run_together(
                [(each, {**each.constants, **values}) for each, values in prepared]
            )
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "; ".join(each.sql.decode() for each, _ in prepared)) from error
        return [FastResult(each) for each in rows]

    @asynccontextmanager
    async def one_transaction(self) -> AsyncIterator[None]:
        """Run the statements of the block as one transaction.

        After an error nothing of the block is stored, and the session cannot be used again: its connection is closed.
        """
        await self._begin()
        yield
        await self.execute(_COMMIT)

    async def execute_shared(
        self,
        row: UUID,
        statement: ClauseElement,
        values: Mapping[str, Any],
        row_to_lock: RowToLock | None = None,
    ) -> FastResult:
        """Run a statement that locks a row, and commit it together with those of other sessions.

        Raises:
            DBAPIError: The database rejected the statement, or is unavailable.
            TimeoutError: Every connection was in use for too long.
        """
        result: FastResult = await self._connections.shared_commits.run(
            self, row, statement, values, row_to_lock
        )
        return result

    async def roll_back(self) -> bool:
        """Close the connection after an error in a transaction, so that the session can be used again.

        Returns:
            Whether the server has reported the error, and so has stored nothing. If the connection was lost, this is
            not known.
        """
        slot, self._slot = self._slot, None
        if slot is None:
            return False
        was_open = not slot.connection.closed
        await self._connections.give_back(slot)
        return was_open

    async def _begin(self) -> None:
        if self._slot is None:
            self._slot = await self._connections.take()
        try:
            await self._slot.connection.begin()
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "begin") from error


class FastConnections:
    """The connections of a process for its frequent statements. Each is opened when it is first needed."""

    def __init__(self, database_url: str, liveness: Liveness, *, size: int, wait_s: float) -> None:
        self._database_url = pooler.plain(database_url)
        self._liveness = liveness
        self._wait_s = wait_s
        self._settings = pooler.connect_settings(database_url, prepare_threshold=0)
        self._idle: list[_Slot] = []
        self._slots = asyncio.Semaphore(size)
        self._is_closed = False
        self.shared_commits = SharedCommits()
        self.in_use = 0
        """Number of connections that are in use."""

    @property
    def idle(self) -> int:
        """Number of open connections that are not in use."""
        return len(self._idle)

    def session(self) -> FastSession:
        """Return a session with a connection of its own."""
        return FastSession(self)

    async def take(self) -> _Slot:
        """Take a connection, which the caller must return with `give_back`.

        Raises:
            OperationalError: The database is unavailable.
            TimeoutError: Every connection was in use for too long.
        """
        self._liveness.raise_if_silent()
        await self._take_slot()
        try:
            slot = await self._open()
        except BaseException:
            self._slots.release()
            raise
        self.in_use += 1
        return slot

    async def give_back(self, slot: _Slot) -> None:
        """Return a connection to the pool; one that is not idle is closed."""
        self.in_use -= 1
        self._slots.release()
        if slot.connection.info.transaction_status is TransactionStatus.IDLE and not self._is_closed:
            self._idle.append(slot)
        else:
            await slot.connection.close()

    async def close(self) -> None:
        """Close every connection; those in use are closed when they are returned."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().connection.close()

    async def _take_slot(self) -> None:
        if not self._slots.locked():
            await self._slots.acquire()  # without a timer, as most calls do not have to wait
            return
        try:
            async with asyncio.timeout(self._wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise NoPlace(f"no connection became free within {self._wait_s} s") from None

    async def _open(self) -> _Slot:
        while self._idle:
            slot = self._idle.pop()
            if is_open(slot.connection):
                return slot
            await slot.connection.close()
        try:
            connection = await self._liveness.connect(self._database_url, autocommit=True, **self._settings)
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "connect") from error
        return _Slot(connection, Exchange(connection))


def _as_sqlalchemy(error: psycopg.Error, sql: str) -> Exception:
    wrapped = DBAPIError.instance(sql, None, error, psycopg.Error, hide_parameters=True)
    return wrapped if isinstance(wrapped, Exception) else error
