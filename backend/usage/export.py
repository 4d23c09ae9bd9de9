"""Export the ledger entries of a wallet as CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, Final

from backend.core.csv_text import csv_text, escaped
from backend.core.db.engine import Database
from backend.identity.auth.principal import Principal
from backend.usage import queries
from backend.usage.schemas import LedgerLine

COLUMNS: Final = ("id", "at", "kind", "amount_usd", "job_id", "note", "by")
_PAGE_SIZE: Final = 1_000


async def as_csv(database: Database, principal: Principal) -> AsyncIterator[str]:
    """Iterate over the CSV text of all entries, newest first, after a header line. The entries are read in pages."""
    yield csv_text([COLUMNS])
    before: int | None = None
    while True:
        async with database.transaction() as session:
            lines = await queries.entries(session, principal, limit=_PAGE_SIZE, before_id=before)
        if not lines:
            return
        yield csv_text(map(_cells, lines))
        before = lines[-1].id


def _cells(line: LedgerLine) -> tuple[Any, ...]:
    amount = Decimal(line.amount_micros) / 1_000_000
    own = (line.id, line.created_at.isoformat(), line.kind, f"{amount:f}", line.job_id or "")
    return (*own, escaped(line.note), escaped(line.created_by))
