"""Run statements that the server keeps prepared.

For each execution, psycopg's cursors determine again how a statement is written, what its columns are called and how
its rows are made. For the few statements that every job runs, this is most of their cost in this process, so the
results are cached.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import errors, generators, pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from backend.core.db.liveness import WatchedConnection

MAX_COMPILED: Final = 256
MAX_PREPARED: Final = 256
"""Maximum per connection; further statements are sent in full each time."""

_DIALECT: Final = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # not typed
_GOOD: Final = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Compiled(NamedTuple):
    """A statement in the form that the server reads."""

    statement: ClauseElement
    """Referenced here because its identity is the key of the cache, and must not be reused for another statement."""
    sql: bytes
    names: Sequence[str]
    """The names of its values, in the order of their numbers."""
    constants: Mapping[str, Any]


class _Prepared(NamedTuple):
    """A statement that one server process has prepared for values of certain types."""

    name: bytes
    make_row: Callable[[Sequence[Any]], Any]


class _Request(NamedTuple):
    """A statement with its values as the server reads them."""

    sql: bytes
    values: Sequence[Any]
    types: Sequence[int]
    formats: Sequence[pq.Format] | None
    prepared: _Prepared | None
    """None: the statement is sent in full."""


class Exchange:
    """The prepared statements of one connection."""

    def __init__(self, connection: WatchedConnection) -> None:
        self.connection = connection
        self._may_prepare = connection.prepare_threshold is not None
        self._prepared: dict[tuple[bytes, Sequence[int]], _Prepared] = {}
        self._prefix = secrets.token_hex(6).encode()
        """Random: a pooler that shares a server connection by mistake cannot run the statement of another process."""
        self._transformer = Transformer(connection)

    async def run(self, compiled: Compiled, values: Mapping[str, Any]) -> list[Any]:
        """Run a statement as its own transaction, and return its rows.

        Raises:
            psycopg.Error: the database rejected the statement, or is unavailable.
        """
        given = [values[name] for name in compiled.names]
        rows: list[Any] = await self.connection.wait(self._exchange(compiled.sql, given))
        return rows

    async def run_together(self, statements: Sequence[tuple[Compiled, Mapping[str, Any]]]) -> list[list[Any]]:
        """Run statements in one transaction and one round trip, and return the rows of each.

        After an error nothing of them is stored, and the connection is in a failed transaction or closed.

        Raises:
            psycopg.Error: the database rejected a statement, or is unavailable.
        """
        given = [(each.sql, [values[name] for name in each.names]) for each, values in statements]
        rows: list[list[Any]] = await self.connection.wait(self._exchange_together(given))
        return rows

    def _exchange(self, sql: bytes, given: Sequence[Any]) -> PQGen[list[Any]]:
        request = yield from self._request(sql, given)
        self._send(request)
        return self._rows(request, (yield from self._result()))

    def _exchange_together(self, given: Sequence[tuple[bytes, Sequence[Any]]]) -> PQGen[list[list[Any]]]:
        requests = []
        for sql, values in given:
            requests.append((yield from self._request(sql, values)))
        server, opening = self.connection.pgconn, self.connection.transaction_start
        server.enter_pipeline_mode()
        for command in opening:
            server.send_query_params(command, None)
        for request in requests:
            self._send(request)
        server.send_query_params(b"commit", None)
        server.pipeline_sync()
        yield from generators.send(server)
        results: list[pq.abc.PGresult] = []
        while len(results) < len(opening) + len(requests) + 1:
            results.append((yield from self._next_result()))
        yield from self._next_result()  # that of `pipeline_sync`
        server.exit_pipeline_mode()
        for result in results:
            self._raise_if_rejected(result)  # the first one, as the server skips all that follows it
        return list(map(self._rows, requests, results[len(opening) : -1]))

    def _request(self, sql: bytes, given: Sequence[Any]) -> PQGen[_Request]:
        transformer = self._transformer
        dumped = transformer.dump_sequence(given, [PyFormat.AUTO] * len(given))
        types, formats = transformer.types or (), transformer.formats
        prepared = self._prepared.get((sql, types))
        if prepared is None and self._may_prepare and len(self._prepared) < MAX_PREPARED:
            prepared = yield from self._prepare(sql, types)
        return _Request(sql, dumped, types, formats, prepared)

    def _send(self, request: _Request) -> None:
        server, prepared = self.connection.pgconn, request.prepared
        if prepared is None:
            server.send_query_params(request.sql, request.values, request.types, request.formats)
        else:
            server.send_query_prepared(prepared.name, request.values, request.formats)

    def _rows(self, request: _Request, result: pq.abc.PGresult) -> list[Any]:
        if not result.nfields:
            return []
        self._transformer.set_pgresult(result)
        make_row = _row_maker(result) if request.prepared is None else request.prepared.make_row
        return self._transformer.load_rows(0, result.ntuples, make_row)

    def _prepare(self, sql: bytes, types: Sequence[int]) -> PQGen[_Prepared]:
        server, name = self.connection.pgconn, b"hot_%s_%d" % (self._prefix, len(self._prepared))
        server.send_prepare(name, sql, types)
        yield from self._result()
        server.send_describe_prepared(name)
        prepared = _Prepared(name, _row_maker((yield from self._result())))
        self._prepared[sql, types] = prepared
        return prepared

    def _result(self) -> PQGen[Any]:
        results = yield from generators.execute(self.connection.pgconn)
        for result in results:
            self._raise_if_rejected(result)
        return results[-1]

    def _next_result(self) -> PQGen[Any]:
        results = yield from generators.fetch_many(self.connection.pgconn)
        if not results:
            raise psycopg.OperationalError("the connection was lost before the transaction ended")
        return results[-1]

    def _raise_if_rejected(self, result: pq.abc.PGresult) -> None:
        if result.status not in _GOOD:
            raise errors.error_from_result(result, encoding=self.connection.info.encoding)


def compiled(statement: ClauseElement) -> Compiled:
    """Return the statement in the form that the server reads; recently used statements are cached."""
    known = _cache.get(id(statement))
    if known is not None:
        return known
    text = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    constants = {name: value for name, value in text.params.items() if value is not None}
    names = tuple(getattr(text, "positiontup", None) or ())
    known = _cache[id(statement)] = Compiled(statement, str(text).encode(), names, constants)
    if len(_cache) > MAX_COMPILED:
        _cache.popitem(last=False)
    return known


_cache: OrderedDict[int, Compiled] = OrderedDict()


def _row_maker(result: pq.abc.PGresult) -> Callable[[Sequence[Any]], Any]:
    names = [(result.fname(column) or b"").decode() for column in range(result.nfields)]
    row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]  # known only here
    make: Callable[[Sequence[Any]], Any] = row._make
    return make
