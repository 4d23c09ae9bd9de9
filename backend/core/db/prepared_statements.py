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


class Exchange:
    """The prepared statements of one connection."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
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

    def _exchange(self, sql: bytes, given: Sequence[Any]) -> PQGen[list[Any]]:
        server, transformer = self.connection.pgconn, self._transformer
        dumped = transformer.dump_sequence(given, [PyFormat.AUTO] * len(given))
        types, formats = transformer.types or (), transformer.formats
        prepared = self._prepared.get((sql, types))
        if prepared is None and self._may_prepare and len(self._prepared) < MAX_PREPARED:
            prepared = yield from self._prepare(sql, types)
        if prepared is None:
            server.send_query_params(sql, dumped, types, formats)
        else:
            server.send_query_prepared(prepared.name, dumped, formats)
        result = yield from self._result()
        transformer.set_pgresult(result)
        make_row = _row_maker(result) if prepared is None else prepared.make_row
        return transformer.load_rows(0, result.ntuples, make_row) if result.nfields else []

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
            if result.status not in _GOOD:
                raise errors.error_from_result(result, encoding=self.connection.info.encoding)
        return results[-1]


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
