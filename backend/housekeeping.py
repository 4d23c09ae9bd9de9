"""Create partitions in advance and delete expired data. One process of the instance does it at a time."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.projects import purge
from backend.administration.retention import sweep as retention
from backend.administration.retention.rules import Rules
from backend.config.quotas import DEFAULTS
from backend.core import logs
from backend.core.background_tasks import PeriodicTask
from backend.core.clock import now
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.core.process_metrics import store as metrics
from backend.data.drive import usage
from backend.data.drive.uploads import expiry
from backend.data.drive.usage import Drives
from backend.execution.events import partitions
from backend.identity.idempotency import service as idempotency
from backend.skills.deployments import sweep as deployments
from backend.storage import Storage

log = logs.get(__name__)

EVERY_S: Final = 3600.0
PAUSE_S: Final = 1.0
"""Pause between two turns while data is left to delete."""
TURN_S: Final = 2.0
"""How long a turn deletes data before it pauses, so that other work gets the database."""

LOCK: Final = 0x7469_6479
"""A constant that no other lock uses. A backup takes this lock too, so that nothing is deleted during it."""

_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
_MAY_BE_IDLE: Final = text("set local idle_in_transaction_session_timeout = 0")
_EXPIRED_SESSIONS: Final = text("delete from sessions where expires_at < now()")
_EXPIRED_LINKS: Final = text("delete from setup_links where expires_at < now() - interval '7 days'")
_EXPIRED_INVITATIONS: Final = text("delete from invitations where expires_at < now()")
_EXPIRED_SHARES: Final = text("delete from job_shares where expires_at < now()")
_EXPIRED_RESETS: Final = text("delete from password_resets where expires_at < now()")

# One lookup for each wait: a join would read all jobs.
_WAITS_OF_ENDED_JOBS: Final = text(
    "delete from job_waits w where (select j.finished_at from jobs j where j.id = w.job_id) is not null"
)


def periodic_task(database: Database, storage: Storage, rules: Rules) -> PeriodicTask:
    """Return the task that cleans up once an hour, and continues after a pause while data is left."""
    return PeriodicTask("housekeeping", EVERY_S, partial(_clean_up, database, storage, rules))


async def _clean_up(database: Database, storage: Storage, rules: Rules) -> float | None:
    try:
        is_more_left = await clean_up(database, storage, rules)
    except (SQLAlchemyError, OSError, PurasError) as error:
        log.warning("housekeeping was interrupted and will be retried", why=error_summary(error))
        return None
    return PAUSE_S if is_more_left else None


async def clean_up(database: Database, storage: Storage, rules: Rules) -> bool:
    """Create the next event partitions and delete expired data, for one turn; return whether data is left.

    Does nothing while another process does it, or during a backup.
    """
    turn_ends = time.monotonic() + TURN_S

    def may_continue() -> bool:
        return time.monotonic() < turn_ends

    async with database.transaction() as lock_session:
        await lock_session.execute(_MAY_BE_IDLE)  # while the other transactions run
        if not (await lock_session.execute(_TRY_LOCK, {"key": LOCK})).scalar_one():
            return False
        async with database.transaction() as session:
            await session.execute(_MAY_BE_IDLE)  # while the storage removes files
            await delete_expired(session, storage)
        await expiry.sweep(database, storage, may_continue=may_continue)
        await usage.recount_outdated(Drives(database, storage, DEFAULTS), may_continue=may_continue)
        are_rows_left = await retention.sweep(database, rules, may_continue=may_continue)
        are_projects_left = await purge.purge_due(
            database, storage, rules.deleted_projects, may_continue=may_continue
        )
        return are_rows_left or are_projects_left


async def delete_expired(session: AsyncSession, storage: Storage) -> None:
    """Create the next event partitions; delete expired keys, sessions, links, drafts and unused bundles."""
    await partitions.create_ahead(session, now().date())
    await idempotency.sweep(session)
    await metrics.fold(session)
    await session.execute(_EXPIRED_SESSIONS)
    await session.execute(_EXPIRED_LINKS)
    await session.execute(_EXPIRED_RESETS)
    await session.execute(_EXPIRED_INVITATIONS)
    await session.execute(_EXPIRED_SHARES)
    await session.execute(_WAITS_OF_ENDED_JOBS)
    await deployments.sweep(session, storage)
