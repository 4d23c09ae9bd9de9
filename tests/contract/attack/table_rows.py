"""Read all rows of the tables of an instance, and report the differences between two such reads."""

from __future__ import annotations

from collections import Counter
from typing import Final

import psycopg
from psycopg import sql

from backend.tables import metadata

BOOKKEEPING: Final = frozenset({"workers", "process_metrics", "drive_usage", "drive_files"})
"""Tables that the instance writes without a request; the last two change later, after jobs wrote to a drive."""
WHEN_USED: Final = ("last_used_at", "last_seen_at")
"""Columns that a read request changes."""
WHEN_EVALUATED: Final = {
    "alert_rules": ("state", "value", "jobs", "state_changed_at", "evaluated_at", "next_at"),
}
"""Columns that a periodic task changes."""

Rows = dict[str, Counter[str]]


def read_rows(database_url: str) -> Rows:
    """Return the rows of each table as text, with the number of occurrences."""
    with psycopg.connect(database_url) as connection:
        return {
            name: Counter(text for (text,) in connection.execute(_query(name)))
            for name in sorted(set(metadata.tables) - BOOKKEEPING)
        }


def changed_rows(before: Rows, after: Rows) -> list[str]:
    """Return the rows that were added, removed or changed, each with its table."""
    return [
        f"{table} {sign} {row[:300]}"
        for table in after
        for sign, rows in (("+", after[table] - before[table]), ("-", before[table] - after[table]))
        for row in rows
    ]


def _query(table: str) -> sql.Composed:
    ignored = sql.Literal([*WHEN_USED, *WHEN_EVALUATED.get(table, ())])
    return sql.SQL("select (to_jsonb(t) - {}::text[])::text from {} t").format(ignored, sql.Identifier(table))
