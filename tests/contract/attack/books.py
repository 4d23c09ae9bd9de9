"""What stands in an instance's tables, so that two looks tell what was written between them."""

from __future__ import annotations

from collections import Counter
from typing import Final

import psycopg
from psycopg import sql

from backend.tables import metadata

BOOKKEEPING: Final = frozenset({"workers", "process_metrics", "drive_usage", "drive_files"})
"""What the instance writes by itself, whoever asks; the last two tell later what jobs left in a drive."""
WHEN_USED: Final = ("last_used_at", "last_seen_at")
"""Columns that are written when somebody only looks."""

Rows = dict[str, Counter[str]]


def rows_of(database_url: str) -> Rows:
    """Each row of each table as text, with how often it is there."""
    with psycopg.connect(database_url) as connection:
        return {
            name: Counter(text for (text,) in connection.execute(_READ.format(sql.Identifier(name))))
            for name in sorted(set(metadata.tables) - BOOKKEEPING)
        }


def written(before: Rows, after: Rows) -> list[str]:
    """The rows that came, went or changed, each with its table."""
    return [
        f"{table} {sign} {row[:300]}"
        for table in after
        for sign, rows in (("+", after[table] - before[table]), ("-", before[table] - after[table]))
        for row in rows
    ]


_READ: Final = sql.SQL("select (to_jsonb(t) - '" + "' - '".join(WHEN_USED) + "')::text from {} t")
