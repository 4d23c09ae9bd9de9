"""Refusing what nobody has decided in time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from backend.core import logs
from backend.core.db.engine import Database
from backend.execution.approvals.service import Asked, settle

log = logs.get(__name__)

MAX_AT_ONCE: Final = 100

_DUE = text("""
select id, job_id, project_id from approvals where status = 'pending' and expires_at <= clock_timestamp()
order by expires_at limit :most
""")


async def expire_due(database: Database) -> int:
    """Refuse it, and let its jobs go on; says how many. Each in a unit of its own: it holds its job's row."""
    async with database.transaction() as session:
        due = (await session.execute(_DUE, {"most": MAX_AT_ONCE})).all()
    expired = 0
    for row in due:
        this = Asked(row.id, row.job_id, row.project_id)
        async with database.transaction() as session:
            expired += await settle(session, this, "expired", reason="", who="system")
    if expired:
        log.info("approvals expired", count=expired)
    return expired
