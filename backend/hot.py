"""The short way to the database, for the few statements that every job runs.

SQLAlchemy costs about a millisecond a statement when its code has left the processor's caches, and a job runs six of
them. This runs the same statements (`text(…)` or a `select` that is built once) on psycopg itself, each as its own
transaction, prepared by the server. Errors come as SQLAlchemy's, so callers need not know which way they took.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound
from sqlalchemy.exc import TimeoutError as NoPlace

from backend import pooling
from backend.connections import is_open
from backend.pulse import Pulse

MOST_PREPARED = 256

_DIALECT: Final = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped


_Connection = psycopg.AsyncConnection[Any]


class _Prepared(NamedTuple):
    statement: ClauseElement
    """Kept so that its identity, by which it is found, is not given to another one."""
    sql: str
    constants: Mapping[str, Any]


class HotResult:
    """The rows of one statement, read whole."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def all(self) -> Sequence[Any]:
        """Every row."""
        return self._rows

    def first(self) -> Any:
        """The first row, or none."""
        return self._rows[0] if self._rows else None

    def one(self) -> Any:
        """The one row.

        Raises:
            NoResultFound: there is none.
            MultipleResultsFound: there are several.
        """
        if not self._rows:
            raise NoResultFound("No row was found when one was required")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        """The one row, or none.

        Raises:
            MultipleResultsFound: there are several.
        """
        if len(self._rows) > 1:
            raise MultipleResultsFound("Multiple rows were found when one was required")
        return self.first()

    def scalar_one(self) -> Any:
        """The first value of the one row."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """The first value of the one row, or none."""
        row = self.one_or_none()
        return None if row is None else row[0]


class HotSession:
    """One connection, for statements that are each their own transaction."""

    def __init__(self, connection: _Connection) -> None:
        self.info: dict[str, Any] = {}
        self._connection = connection

    async def execute(self, statement: ClauseElement, values: Mapping[str, Any] | None = None) -> HotResult:
        """Run a statement with its named values.

        Raises:
            DBAPIError: the database refused it, or is away.
        """
        prepared = _prepared(statement)
        given = {**prepared.constants, **(values or {})}
        try:
            cursor = await self._connection.execute(prepared.sql, given)
            rows = await cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, prepared.sql) from error
        return HotResult(rows)


class HotConnections:
    """The connections of a process for its hot statements, each opened when it is first needed."""

    def __init__(self, database_url: str, pulse: Pulse, *, size: int, place_s: float, options: str) -> None:
        self._database_url = pooling.plain(database_url)
        self._pulse = pulse
        self._place_s = place_s
        self._settings = pooling.connect_settings(database_url, options=options, prepare_threshold=0)
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(size)
        self._is_closed = False
        self.in_use = 0
        """Connections that are given out now."""

    @property
    def idle(self) -> int:
        """Connections that wait to be used."""
        return len(self._idle)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[HotSession]:
        """A session on a connection of its own.

        Raises:
            OperationalError: the database is away.
            TimeoutError: every connection was in use for too long.
        """
        self._pulse.refuse_if_silent()
        await self._take_place()
        try:
            connection = await self._take()
            self.in_use += 1
            try:
                yield HotSession(connection)
            finally:
                self.in_use -= 1
                await self._give_back(connection)
        finally:
            self._places.release()

    async def close(self) -> None:
        """Close every connection; those in use when they are given back."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _take_place(self) -> None:
        if not self._places.locked():
            await self._places.acquire()  # at once: the many that find a place pay for no timer
            return
        try:
            async with asyncio.timeout(self._place_s):
                await self._places.acquire()
        except TimeoutError:
            raise NoPlace(f"no connection became free within {self._place_s} s") from None

    async def _take(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if is_open(connection):
                return connection
            await connection.close()
        try:
            return await self._pulse.connect(
                self._database_url,
                autocommit=True,
                row_factory=namedtuple_row,
                **self._settings,
            )
        except psycopg.Error as error:
            raise _as_sqlalchemy(error, "connect") from error

    async def _give_back(self, connection: _Connection) -> None:
        if connection.info.transaction_status is TransactionStatus.IDLE and not self._is_closed:
            self._idle.append(connection)
        else:
            await connection.close()


_cache: OrderedDict[int, _Prepared] = OrderedDict()


def _prepared(statement: ClauseElement) -> _Prepared:
    known = _cache.get(id(statement))
    if known is not None:
        return known
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    constants = {name: value for name, value in compiled.params.items() if value is not None}
    known = _cache[id(statement)] = _Prepared(statement, str(compiled), constants)
    if len(_cache) > MOST_PREPARED:
        _cache.popitem(last=False)
    return known


def _as_sqlalchemy(error: psycopg.Error, sql: str) -> Exception:
    wrapped = DBAPIError.instance(sql, None, error, psycopg.Error, hide_parameters=True)
    return wrapped if isinstance(wrapped, Exception) else error
