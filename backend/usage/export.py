"""Export the ledger entries of a wallet as CSV."""

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
_PAGE_SIZE: Final = 1_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""Prefixes that spreadsheet programs interpret as a formula."""


async def as_csv(database: Database, principal: Principal) -> AsyncIterator[str]:
    """Iterate over the CSV text of all entries, newest first, after a header line. The entries are read in pages."""
    yield _csv_text([COLUMNS])
    before: int | None = None
    while True:
        async with database.transaction() as session:
            lines = await queries.entries(session, principal, limit=_PAGE_SIZE, before_id=before)
        if not lines:
            return
        yield _csv_text(map(_cells, lines))
        before = lines[-1].id


def _cells(line: LedgerLine) -> tuple[Any, ...]:
    amount = Decimal(line.amount_micros) / 1_000_000
    own = (line.id, line.created_at.isoformat(), line.kind, f"{amount:f}", line.job_id or "")
    return (*own, _escaped(line.note), _escaped(line.created_by))


def _escaped(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_text(rows: Iterable[tuple[Any, ...]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
