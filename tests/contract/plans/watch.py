"""Watches what the code asks the database, and asks the database how it goes about it.

Every statement that goes through psycopg is explained on its own connection, with its own values, just before it runs:
once as the first request sees it, and once as the server does it when it has seen it often and may plan it for any
values. What the explaining changes is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
import pytest
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

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

    async def look(self, connection: psycopg.AsyncConnection[Any], sql: str, values: Any) -> None:
        """Explain one statement that is about to run."""
        if self._step is None or not _PLANNED.match(sql) or (self._step, sql) in self._seen:
            return
        self._seen.add((self._step, sql))
        plans = await _plans(connection, sql, values)
        scanned = frozenset(table for plan in plans for table in _scanned(plan))
        self.explained.append(Explained(self._step, sql, scanned, max(map(_pages, _nodes(plans[-1])))))


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Stand between the code's drivers, both of them, and psycopg."""
    watch = Watch()
    execute = psycopg.AsyncCursor.execute

    async def watched(cursor: Any, query: Any, params: Any = None, **options: Any) -> Any:
        if not isinstance(cursor, psycopg.AsyncClientCursor):  # one of those is how we explain
            await watch.look(cursor.connection, _text(query), params)
        return await execute(cursor, query, params, **options)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.AsyncCursor, "execute", watched)
        yield watch


async def _plans(connection: psycopg.AsyncConnection[Any], sql: str, values: Any) -> list[dict[str, Any]]:
    """The first plan, and the one that the server uses in the long run, carried out."""
    numbered = PostgresQuery(Transformer(connection))
    numbered.convert(sql, values)
    async with _undone(connection) as cursor:
        types = await _type_names(cursor, numbered.types)
        prepared = numbered.query.decode().replace("%", "%%")
        await cursor.execute(f"prepare explained{types} as {prepared}", ())
        given = _in_order(numbered, values)
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


async def _explain(cursor: psycopg.AsyncClientCursor[Any], sql: str, given: list[Any]) -> dict[str, Any]:
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
