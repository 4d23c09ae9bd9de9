"""Delete old data as the retention rules say, in small transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.exc import OperationalError

from backend.administration.retention import memory, months, rows
from backend.administration.retention.rows import Kind
from backend.administration.retention.rules import Rules
from backend.core import logs
from backend.core.clock import now
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database

log = logs.get(__name__)


class Expiring(NamedTuple):
    """A kind of rows, and the time before which they are deleted."""

    kind: Kind
    before: datetime


def expiring(rules: Rules) -> Iterator[Expiring]:
    """Yield the kinds of rows that these rules delete."""
    ages = (
        (rows.STRAY_EVENTS, rules.events),
        (rows.JOURNALS, rules.events),
        (rows.STEPS, rules.events),
        (rows.FLOW_STEPS, rules.events),
        (rows.PROJECT_EVENTS, rules.project_events),
        (rows.JOBS, rules.jobs),
        (rows.FAILURE_CLUSTERS, rules.jobs),
        (rows.SUITES, rules.jobs),
        (rows.SESSIONS, rules.sessions),
        (rows.AUDIT, rules.audit),
        (rows.DELIVERIES, rules.deliveries),
        (rows.SCHEDULE_RUNS, rules.deliveries),
        (memory.FORGOTTEN, rules.forgotten_memory),
        (memory.STALE, rules.stale_memory),
        (memory.CHANGES, rules.events),
    )
    for kind, age in ages:
        if age is not None:
            yield Expiring(kind, now() - age)


async def sweep(database: Database, rules: Rules, *, may_continue: Callable[[], bool]) -> bool:
    """Delete expired data while `may_continue` returns true; return whether some remains."""
    if rules.events is not None:
        await _drop_months(database, now() - rules.events)
    for kind, before in expiring(rules):
        removed = 0
        while True:
            if not may_continue():
                return True
            async with database.transaction() as session:
                batch = await rows.remove(session, kind, before)
            removed += batch
            if batch == 0:
                break
        if removed:
            log.info("old rows deleted", kind=kind.name, rows=removed, before=before.isoformat())
    return False


async def _drop_months(database: Database, before: datetime) -> None:
    async with database.transaction() as session:
        expired = await months.expired(session, before)
    for month in expired:
        try:
            async with database.transaction() as session:
                await months.drop(session, month)
        except OperationalError as error:  # the lock was not available in time
            log.warning(
                "month of events not deleted; retrying later", month=month.partition, why=error_summary(error)
            )
            return
        log.info("month of events deleted", month=month.partition, bytes=month.size_bytes)
