"""Run the part of a sweep that is the same for every worker process.

It recovers the jobs of lost processes.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from backend.core import logs
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.core.metrics.instruments import JOBS_LOST, SWEEP, SWEEP_ADMITTED, WORKERS_LOST
from backend.execution.approvals.expiry import expire_due
from backend.execution.jobs.attempts.recovery import sweep
from backend.execution.jobs.attempts.subjobs import cancel_orphans
from backend.execution.sessions.advance import advance_due
from backend.execution.sessions.removal import remove_deleted
from backend.execution.worker_registry.database_clock import DatabaseClock
from backend.execution.worker_registry.service import LEASE

log = logs.get(__name__)


class Sweeper:
    """Recovers jobs of lost workers, and knows how long heartbeats may have been missing for other reasons."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._clock = DatabaseClock()
        self.unavailable_at = -math.inf
        """When the database was last unavailable to this process, or its clock was set."""

    async def recover(self) -> bool:
        """Recover the jobs of lost workers, and end expired approvals; return whether heartbeats are known."""
        with SWEEP.time():
            async with self._database.transaction() as session:
                if await self._clock.was_set(session):
                    self.unavailable_at = time.monotonic()
                    log.warning("database clock was set; leases expire again after one lease period")
                # A database that was unavailable to this process has stored no heartbeats of others either,
                # although they may be alive. After its clock was set, heartbeats count once each worker has
                # sent another one.
                are_heartbeats_known = time.monotonic() - self.unavailable_at > LEASE.total_seconds()
                swept = await sweep(session, are_heartbeats_known=are_heartbeats_known)
        await expire_due(self._database)
        await cancel_orphans(self._database)
        await advance_due(self._database)
        await remove_deleted(self._database)
        WORKERS_LOST.inc(swept.lost_workers)
        JOBS_LOST.inc(swept.lost_jobs)
        SWEEP_ADMITTED.inc(swept.admitted)
        return are_heartbeats_known

    @contextlib.contextmanager
    def tolerate_outage(self) -> Iterator[None]:
        """Log that the database is unavailable instead of raising it, and note when that was."""
        try:
            yield
        except SQLAlchemyError as error:
            self.unavailable_at = time.monotonic()
            log.warning("database unavailable; retrying", error=error_summary(error))
