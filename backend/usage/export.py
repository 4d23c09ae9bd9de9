"""The movements of a wallet as a table for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any, Final

from backend.core.db.engine import Database
from backend.identity.auth.principal import Principal
from backend.usage import queries
from backend.usage.schemas import LedgerLine

COLUMNS: Final = ("id", "at", "kind", "amount_usd", "job_id", "note", "by")
_AT_ONCE: Final = 1_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a text must not begin with: programs for tables would compute it."""


async def as_csv(database: Database, principal: Principal) -> AsyncIterator[str]:
    """Every movement, newest first, with the names of the columns in front; read page by page."""
    yield _written([COLUMNS])
    before: int | None = None
    while True:
        async with database.transaction() as session:
            lines = await queries.entries(session, principal, limit=_AT_ONCE, before_id=before)
        if not lines:
            return
        yield _written(map(_cells, lines))
        before = lines[-1].id


def _cells(line: LedgerLine) -> tuple[Any, ...]:
    amount = Decimal(line.amount_micros) / 1_000_000
    own = (line.id, line.created_at.isoformat(), line.kind, f"{amount:f}", line.job_id or "")
    return (*own, _plain(line.note), _plain(line.created_by))


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(rows: Iterable[tuple[Any, ...]]) -> str:
    sink = io.StringIO()
    csv.writer(sink).writerows(rows)
    return sink.getvalue()
