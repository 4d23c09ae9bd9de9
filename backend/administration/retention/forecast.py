"""Count what the retention rules would delete now, without changes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.projects import deletion
from backend.administration.retention import months, rows
from backend.administration.retention.rules import Rules
from backend.administration.retention.sweep import expiring
from backend.core.clock import now


class Expired(NamedTuple):
    """Rows of one kind that would be deleted."""

    name: str
    rows: int
    cutoff: datetime
    """The rows are older than this time."""
    is_exact: bool = True


async def forecast(session: AsyncSession, rules: Rules) -> list[Expired]:
    """Return what would be deleted, by kind, without kinds that are kept forever."""
    expired = []
    if rules.events is not None:
        cutoff = now() - rules.events
        for month in await months.expired(session, cutoff):
            expired.append(Expired(f"month {month.partition}", month.about_rows, cutoff, is_exact=False))  # noqa: PERF401 - awaits
    for kind, cutoff in expiring(rules):
        expired.append(Expired(kind.name, await rows.count(session, kind, cutoff), cutoff))
    due = await deletion.due_for_purge(session, rules.deleted_projects)
    return [*expired, Expired("deleted projects", len(due), now() - rules.deleted_projects)]
