"""Expire approvals that were not decided in time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from backend.core import logs
from backend.core.db.engine import Database
from backend.execution.approvals.service import ApprovalKey, apply_decision

log = logs.get(__name__)

MAX_BATCH: Final = 100

_DUE = text("""
select id, job_id, project_id from approvals where status = 'pending' and expires_at <= clock_timestamp()
order by expires_at limit :limit
""")


async def expire_due(database: Database) -> int:
    """Expire overdue approvals, requeue their jobs, and return how many expired.

    Each has its own transaction, because it locks the row of its job.
    """
    async with database.transaction() as session:
        due = (await session.execute(_DUE, {"limit": MAX_BATCH})).all()
    expired = 0
    for row in due:
        key = ApprovalKey(row.id, row.job_id, row.project_id)
        async with database.transaction() as session:
            expired += await apply_decision(session, key, "expired", reason="", actor="system")
    if expired:
        log.info("approvals expired", count=expired)
    return expired
