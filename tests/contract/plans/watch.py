"""Watches what the code asks the database, and asks the database how it goes about it.

Every statement that goes to the database is explained on its own connection, with its own values, just before it runs:
once as the first request sees it, and once as the server does it when it has seen it often and may plan it for any
values. What the explaining changes is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import psycopg
import pytest
from psycopg._queries import PostgresQuery
from psycopg.adapt import PyFormat, Transformer

from backend.core.db.prepared_statements import Compiled, Exchange

CUSTOM_PLANS: Final = 5  # after so many the server may settle on one plan for all values
_PLANNED: Final = re.compile(r"\s*(select|insert|update|delete|with)\b", re.IGNORECASE)
_PARTITION: Final = re.compile(r"^(job_events)_\w+$")


@dataclass(frozen=True, slots=True)
class Explained:
    """How the server runs one statement of the code."""

    step: str
    """What the code was doing."""
    sql: str
    scanned: frozenset[str]
    """Tables that are read from end to end."""
    pages: int
    """Of the database that it touched."""


class Numbered(NamedTuple):
    """A statement as the server gets it, with `$1`, `$2`…"""

    sql: str
    types: Sequence[int]
    given: Sequence[Any]


Asked = Callable[[], Numbered]


@dataclass(slots=True)
class Watch:
    """Everything that was explained, in order; each statement once per step."""

    explained: list[Explained] = field(default_factory=list)
    _step: str | None = None
    _seen: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Explain what runs meanwhile, under this name."""
        self._step = name
        try:
            yield
        finally:
            self._step = None

    async def look(self, connection: psycopg.AsyncConnection[Any], sql: str, asked: Asked) -> None:
        """Explain one statement that is about to run."""
        if self._step is None or not _PLANNED.match(sql) or (self._step, sql) in self._seen:
            return
        self._seen.add((self._step, sql))
        plans = await _plans(connection, asked())
        scanned = frozenset(table for plan in plans for table in _scanned(plan))
        self.explained.append(Explained(self._step, sql, scanned, max(map(_pages, _nodes(plans[-1])))))


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Stand between the code's ways to the database, both of them, and psycopg."""
    watch = Watch()
    execute, run = psycopg.AsyncCursor.execute, Exchange.run

    async def watched(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if not isinstance(cursor, psycopg.AsyncClientCursor):  # one of those is how we explain
            sql = _text(query)
            await watch.look(cursor.connection, sql, partial(_by_cursor, cursor.connection, sql, params))
        return await execute(cursor, query, params, **options)

    async def watched_short(exchange: Exchange, compiled: Compiled, values: Mapping[str, Any]) -> Any:
        asked = partial(_by_short_way, exchange.connection, compiled, values)
        await watch.look(exchange.connection, compiled.sql.decode(), asked)
        return await run(exchange, compiled, values)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", watched)
        patched.setattr(Exchange, "run", watched_short)
        yield watch


def _by_cursor(connection: psycopg.AsyncConnection[Any], sql: str, values: Any) -> Numbered:
    numbered = PostgresQuery(Transformer(connection))
    numbered.convert(sql, values)
    return Numbered(numbered.query.decode(), numbered.types, _in_order(numbered, values))


def _by_short_way(
    connection: psycopg.AsyncConnection[Any], compiled: Compiled, values: Mapping[str, Any]
) -> Numbered:
    given, transformer = [values[name] for name in compiled.names], Transformer(connection)
    transformer.dump_sequence(given, [PyFormat.AUTO] * len(given))
    return Numbered(compiled.sql.decode(), transformer.types or (), given)


async def _plans(connection: psycopg.AsyncConnection[Any], asked: Numbered) -> list[dict[str, Any]]:
    """The first plan, and the one that the server uses in the long run, carried out."""
    async with _undone(connection) as cursor:
        types = await _type_names(cursor, asked.types)
        prepared = asked.sql.replace("%", "%%")
        await cursor.execute(f"prepare explained{types} as {prepared}", ())
        given = asked.given
        run = f"execute explained({', '.join(['%s'] * len(given))})" if given else "execute explained"
        plans = [await _explain(cursor, f"explain (format json) {run}", given) for _ in range(CUSTOM_PLANS)]
        last = await _explain(cursor, f"explain (format json, analyze, buffers, timing off) {run}", given)
        await cursor.execute("deallocate explained")
    return [plans[0], last]


@asynccontextmanager
async def _undone(
    connection: psycopg.AsyncConnection[Any],
) -> AsyncIterator[psycopg.AsyncClientCursor[Any]]:
    cursor = psycopg.AsyncClientCursor(connection, row_factory=psycopg.rows.tuple_row)
    async with connection.transaction(force_rollback=True):
        yield cursor


async def _type_names(cursor: psycopg.AsyncClientCursor[Any], types: Sequence[int]) -> str:
    if not types:
        return ""
    names = "select n, case o when 0 then 'unknown' else o::oid::regtype::text end"
    rows = await cursor.execute(
        f"{names} from unnest(%s::oid[]) with ordinality as t(o, n) order by n", (list(types),)
    )
    return f"({', '.join([row[1] for row in await rows.fetchall()])})"


def _in_order(numbered: PostgresQuery, values: Any) -> list[Any]:
    if not values:
        return []
    if isinstance(values, Mapping):
        return [values[name] for name in numbered._order or ()]
    return list(values)


async def _explain(cursor: psycopg.AsyncClientCursor[Any], sql: str, given: Sequence[Any]) -> dict[str, Any]:
    await cursor.execute(sql, given)
    row = await cursor.fetchone()
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _scanned(plan: dict[str, Any]) -> Iterator[str]:
    for node in _nodes(plan):
        # A partition of a month to come is empty, and as soon as the server knows that, it is read for nothing.
        if node["Node Type"] == "Seq Scan" and node["Total Cost"] > 0:
            yield _PARTITION.sub(r"\1", node["Relation Name"])


def _pages(node: dict[str, Any]) -> int:
    """With those of the parts below; what runs beside the tree has a node of its own."""
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


def _text(query: Any) -> str:
    return query.decode() if isinstance(query, bytes) else str(query)
