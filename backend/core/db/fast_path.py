"""The short way to the database, for the few statements that every job runs.

SQLAlchemy costs about a millisecond a statement when its code has left the processor's caches, and a job runs six of
them. This runs the same statements (`text(…)` or a `select` that is built once) on psycopg itself, each as its own
transaction, prepared by the server. Errors come as SQLAlchemy's, so callers need not know which way they took.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple, Self

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import ClauseElement, text
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.exc import TimeoutError as NoPlace

from backend.core.db import pooler
from backend.core.db.connections import is_open
from backend.core.db.liveness import Liveness, WatchedConnection
from backend.core.db.prepared_statements import Exchange, compiled

_COMMIT: Final = text("commit")


class _Place(NamedTuple):
    """A connection and what it has prepared."""

    connection: WatchedConnection
    exchange: Exchange


class FastResult:
    """The rows of one statement, read whole."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """Return every row."""
        return self._rows

    def first(self) -> Any:
        """Return the first row, or none."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """Return the one row.

        Raises:
            NoResultFound: There is none.
            MultipleResultsFound: There are several.
        """
        if not self._rows:
            raise NoResultFound("No row was found when one was required")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        """Return the one row, or none.

        Raises:
            MultipleResultsFound: There are several.
        """
        if len(self._rows) > 1:
            raise MultipleResultsFound("Multiple rows were found when one was required")
        return self.first()

    def scalar_one(self) -> Any:
        """Return the first value of the one row."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """Return the first value of the one row, or none."""
        row = self.one_or_none()
        return None if row is None else row[0]


class FastSession:
    """One connection, taken with the first statement, for statements that are each their own transaction."""

    def __init__(self, connections: FastConnections) -> None:
        self.info: dict[str, Any] = {}
        self._connections = connections
        self._place: _Place | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._place is not None:
            await self._connections.give_back(self._place)
            self._place = None

    async def execute(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> FastResult:
        """Run a statement with its named values.

        Raises:
            DBAPIError: The database refused it, or is away.
            TimeoutError: Every connection was in use for too long.
        """
        if self._place is None:
            self._place = await self._connections.take()
        wanted = compiled(statement)
        try:
            return FastResult(await self._place.exchange.run(wanted, {**wanted.constants, **(values or {})}))
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, wanted.sql.decode()) from error

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """Run the statements of the block as one transaction.

        After an error nothing of it is stored, and the session is of no more use: its connection is closed at the end.
        """
        await self._begin()
        yield
        await self.execute(_COMMIT)

    async def _begin(self) -> None:
        if self._place is None:
            self._place = await self._connections.take()
        try:
            await self._place.connection.begin()
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "begin") from error


class FastConnections:
    """The connections of a process for its hot statements, each opened when it is first needed."""

    def __init__(self, database_url: str, pulse: Liveness, *, size: int, place_s: float) -> None:
        self._database_url = pooler.plain(database_url)
        self._pulse = pulse
        self._place_s = place_s
        self._settings = pooler.connect_settings(database_url, prepare_threshold=0)
        self._idle: list[_Place] = []
        self._places = asyncio.Semaphore(size)
        self._is_closed = False
        self.in_use = 0
        """Connections that are given out now."""

    @property
    def idle(self) -> int:
        """Connections that wait to be used."""
        return len(self._idle)

    def session(self) -> FastSession:
        """Return a session on a connection of its own."""
        return FastSession(self)

    async def take(self) -> _Place:
        """Return a connection, to be given back.

        Raises:
            OperationalError: The database is away.
            TimeoutError: Every connection was in use for too long.
        """
        self._pulse.refuse_if_silent()
        await self._take_place()
        try:
            place = await self._open()
        except BaseException:
            self._places.release()
            raise
        self.in_use += 1
        return place

    async def give_back(self, place: _Place) -> None:
        """Let others have it; one that is not fit for them is closed."""
        self.in_use -= 1
        self._places.release()
        if place.connection.info.transaction_status is TransactionStatus.IDLE and not self._is_closed:
            self._idle.append(place)
        else:
            await place.connection.close()

    async def close(self) -> None:
        """Close every connection; those in use when they are given back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().connection.close()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once: the many that find a place pay for no timer
            return
        try:
            async with asyncio.timeout(self._place_s):
                await self._places.acquire()
        except TimeoutError:
            raise NoPlace(f"no connection became free within {self._place_s} s") from None

    async def _open(self) -> _Place:
        while self._idle:
            place = self._idle.pop()
            if is_open(place.connection):
                return place
            await place.connection.close()
        try:
            connection = await self._pulse.connect(self._database_url, autocommit=True, **self._settings)
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "connect") from error
        return _Place(connection, Exchange(connection))


def _as_sqlalchemy(error: psycopg.Error, sql: str) -> Exception:
    wrapped = DBAPIError.instance(sql, None, error, psycopg.Error, hide_parameters=True)
    return wrapped if isinstance(wrapped, Exception) else error
