"""What the rules would remove now; nothing is changed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.projects import deletion
from backend.administration.retention import months, rows
from backend.administration.retention.rules import Rules
from backend.administration.retention.sweep import aging
from backend.core.clock import now


class Going(NamedTuple):
    """Things of one kind that would go."""

    what: str
    rows: int
    before: datetime
    """They are older than this."""
    is_exact: bool = True


async def forecast(session: AsyncSession, rules: Rules) -> list[Going]:
    """Everything that would go, kind by kind; kinds that stay for ever are not named."""
    going = []
    if rules.events is not None:
        before = now() - rules.events
        for month in await months.expired(session, before):
            going.append(Going(f"month {month.partition}", month.about_rows, before, is_exact=False))  # noqa: PERF401 - awaits
    for kind, before in aging(rules):
        going.append(Going(kind.name, await rows.count(session, kind, before), before))
    due = await deletion.due_for_purge(session, rules.deleted_projects)
    return [*going, Going("deleted projects", len(due), now() - rules.deleted_projects)]
