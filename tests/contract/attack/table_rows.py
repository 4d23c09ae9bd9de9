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

Rows = dict[str, Counter[str]]


def read_rows(database_url: str) -> Rows:
    """Return the rows of each table as text, with the number of occurrences."""
    with psycopg.connect(database_url) as connection:
        return {
            name: Counter(text for (text,) in connection.execute(_READ.format(sql.Identifier(name))))
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


_READ: Final = sql.SQL("select (to_jsonb(t) - '" + "' - '".join(WHEN_USED) + "')::text from {} t")
