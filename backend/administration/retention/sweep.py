"""Does what the rules say, in small steps, as long as it may."""

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
from backend.core.db.connections import why_away
from backend.core.db.engine import Database

log = logs.get(__name__)


class Aging(NamedTuple):
    """A kind of rows, and the moment before which they go."""

    kind: Kind
    before: datetime


def aging(rules: Rules) -> Iterator[Aging]:
    """The kinds of rows that go under these rules."""
    ages = (
        (rows.STRAY_EVENTS, rules.events),
        (rows.JOURNALS, rules.events),
        (rows.JOBS, rules.jobs),
        (rows.SUITES, rules.jobs),
        (rows.AUDIT, rules.audit),
        (rows.DELIVERIES, rules.deliveries),
        (rows.SCHEDULE_RUNS, rules.deliveries),
        (memory.FORGOTTEN, rules.forgotten_memory),
        (memory.STALE, rules.stale_memory),
        (memory.CHANGES, rules.events),
    )
    for kind, age in ages:
        if age is not None:
            yield Aging(kind, now() - age)


async def sweep(database: Database, rules: Rules, *, may_go_on: Callable[[], bool]) -> bool:
    """Remove what is old enough, as long as it may; says whether something is left."""
    if rules.events is not None:
        await _drop_months(database, now() - rules.events)
    for kind, before in aging(rules):
        removed = 0
        while True:
            if not may_go_on():
                return True
            async with database.transaction() as session:
                batch = await rows.remove(session, kind, before)
            removed += batch
            if batch == 0:
                break
        if removed:
            log.info("old rows were removed", kind=kind.name, rows=removed, before=before.isoformat())
    return False


async def _drop_months(database: Database, before: datetime) -> None:
    async with database.transaction() as session:
        expired = await months.expired(session, before)
    for month in expired:
        try:
            async with database.transaction() as session:
                await months.drop(session, month)
        except OperationalError as error:  # the lock was not to be had in time
            log.warning("a month of events stays for now", month=month.partition, why=why_away(error))
            return
        log.info("a month of events was removed", month=month.partition, bytes=month.size_bytes)
