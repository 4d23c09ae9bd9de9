"""Record the statements that the code sends to the database, and how the database executes them.

Each statement is explained on its own connection, with its own values, immediately before it runs: once with the plan
for these values, and once with the generic plan that the server may use after several executions. Changes that the
explanation makes are rolled back.
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

MAX_SMALL_COST: Final = 10.0  # a page costs 1
CUSTOM_PLANS: Final = 5  # after this number of executions, the server may choose one plan for all values
_PLANNED: Final = re.compile(r"\s*(select|insert|update|delete|with)\b", re.IGNORECASE)
_PARTITION: Final = re.compile(r"^(job_events)_\w+$")


@dataclass(frozen=True, slots=True)
class Explained:
    """How the server executes one statement of the code."""

    step: str
    """The step of the test that ran the statement."""
    sql: str
    scanned: frozenset[str]
    """Tables that are scanned completely."""
    pages: int
    """The number of pages that the statement touched."""


class Numbered(NamedTuple):
    """A statement as the server receives it, with `$1`, `$2`, and so on."""

    sql: str
    types: Sequence[int]
    values: Sequence[Any]


NumberStatement = Callable[[], Numbered]


@dataclass(slots=True)
class Watch:
    """All explained statements in order; each statement once per step."""

    explained: list[Explained] = field(default_factory=list)
    _step: str | None = None
    _seen: set[tuple[str, str]] = field(default_factory=set)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Explain the statements that run in this context, under this name."""
        self._step = name
        try:
            yield
        finally:
            self._step = None

    async def explain(
        self, connection: psycopg.AsyncConnection[Any], sql: str, statement: NumberStatement
    ) -> None:
        """Explain one statement that is about to run."""
        if self._step is None or not _PLANNED.match(sql) or (self._step, sql) in self._seen:
            return
        self._seen.add((self._step, sql))
        plans = await _plans(connection, statement())
        scanned = frozenset(table for plan in plans for table in _scanned(plan))
        self.explained.append(Explained(self._step, sql, scanned, max(map(_pages, _nodes(plans[-1])))))


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Intercept the statements on both ways from the code to psycopg."""
    watch = Watch()
    execute, run = psycopg.AsyncCursor.execute, Exchange.run

    async def execute_watched(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if not isinstance(cursor, psycopg.AsyncClientCursor):  # the explanation itself uses this class
            sql = _text(query)
            await watch.explain(cursor.connection, sql, partial(_by_cursor, cursor.connection, sql, params))
        return await execute(cursor, query, params, **options)

    async def run_watched(exchange: Exchange, compiled: Compiled, values: Mapping[str, Any]) -> Any:
        statement = partial(_by_fast_path, exchange.connection, compiled, values)
        await watch.explain(exchange.connection, compiled.sql.decode(), statement)
        return await run(exchange, compiled, values)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", execute_watched)
        patched.setattr(Exchange, "run", run_watched)
        yield watch


def _by_cursor(connection: psycopg.AsyncConnection[Any], sql: str, values: Any) -> Numbered:
    numbered = PostgresQuery(Transformer(connection))
    numbered.convert(sql, values)
    return Numbered(numbered.query.decode(), numbered.types, _in_order(numbered, values))


def _by_fast_path(
    connection: psycopg.AsyncConnection[Any], compiled: Compiled, values: Mapping[str, Any]
) -> Numbered:
    values, transformer = [values[name] for name in compiled.names], Transformer(connection)
    transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
    return Numbered(compiled.sql.decode(), transformer.types or (), values)


async def _plans(connection: psycopg.AsyncConnection[Any], statement: Numbered) -> list[dict[str, Any]]:
    """Return the plan for these values, and the generic plan after its execution."""
    async with _rolled_back(connection) as cursor:
        types = await _type_names(cursor, statement.types)
        prepared = statement.sql.replace("%", "%%")
        await cursor.execute(f"prepare explained{types} as {prepared}", ())
        values = statement.values
        run = f"execute explained({', '.join(['%s'] * len(values))})" if values else "execute explained"
        plans = [await _explain(cursor, f"explain (format json) {run}", values) for _ in range(CUSTOM_PLANS)]
        last = await _explain(cursor, f"explain (format json, analyze, buffers, timing off) {run}", values)
        await cursor.execute("deallocate explained")
    return [plans[0], last]


@asynccontextmanager
async def _rolled_back(
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


async def _explain(cursor: psycopg.AsyncClientCursor[Any], sql: str, values: Sequence[Any]) -> dict[str, Any]:
    await cursor.execute(sql, values)
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
        if node["Node Type"] == "Seq Scan" and node["Total Cost"] > _free_cost(node["Relation Name"]):
            yield _PARTITION.sub(r"\1", node["Relation Name"])


def _free_cost(table: str) -> float:
    """Return the cost of a scan that needs no index: of an empty table, or of a month with events of a few jobs."""
    return MAX_SMALL_COST if _PARTITION.match(table) else 0.0


def _pages(node: dict[str, Any]) -> int:
    """Return the pages of a node and its children; a plan that runs in parallel has a node of its own."""
    return int(node["Shared Hit Blocks"]) + int(node["Shared Read Blocks"])


def _text(query: Any) -> str:
    return query.decode() if isinstance(query, bytes) else str(query)
