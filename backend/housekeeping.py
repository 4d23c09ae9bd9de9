"""What has to be made ahead or thrown away now and then: one process of the instance does it at a time."""

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
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.core.process_metrics import store as metrics
from backend.data.drive import upload_expiry, usage
from backend.data.drive.usage import Drives
from backend.execution.events import partitions
from backend.identity.idempotency import service as idempotency
from backend.skills.deployments import sweep as deployments
from backend.storage import Storage

log = logs.get(__name__)

EVERY_S: Final = 3600.0
PAUSE_S: Final = 1.0
"""Between two turns while something is left to remove."""
TURN_S: Final = 2.0
"""How long a turn removes things before it lets others have the database for a moment."""

LOCK: Final = (
    0x7469_6479  # "tidy": any constant that no one else takes. A backup shares it, and nothing goes meanwhile
)

_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
_MAY_BE_IDLE: Final = text("set local idle_in_transaction_session_timeout = 0")
_EXPIRED_SESSIONS: Final = text("delete from sessions where expires_at < now()")
_EXPIRED_LINKS: Final = text("delete from setup_links where expires_at < now() - interval '7 days'")
_EXPIRED_INVITATIONS: Final = text("delete from invitations where expires_at < now()")
_EXPIRED_RESETS: Final = text("delete from password_resets where expires_at < now()")


def periodic_task(database: Database, storage: Storage, rules: Rules) -> PeriodicTask:
    """Return the task that tidies once an hour, and continues after a pause while something is left."""
    return PeriodicTask("housekeeping", EVERY_S, partial(_tidy, database, storage, rules))


async def _tidy(database: Database, storage: Storage, rules: Rules) -> float | None:
    try:
        is_more_left = await tidy(database, storage, rules)
    except (SQLAlchemyError, OSError, PurasError) as error:
        log.warning("tidying was interrupted; trying again later", why=why_away(error))
        return None
    return PAUSE_S if is_more_left else None


async def tidy(database: Database, storage: Storage, rules: Rules) -> bool:
    """Make the next months' event partitions; forget what has expired; remove what the rules say, for a turn.

    Says whether something is left. Does nothing while another process does it, or while a backup is made.
    """
    turn_ends = time.monotonic() + TURN_S

    def may_continue() -> bool:
        return time.monotonic() < turn_ends

    async with database.transaction() as keeper:
        await keeper.execute(_MAY_BE_IDLE)  # for as long as the others work
        if not (await keeper.execute(_TRY_LOCK, {"key": LOCK})).scalar_one():
            return False
        async with database.transaction() as session:
            await session.execute(_MAY_BE_IDLE)  # while the storage removes what it names
            await forget_expired(session, storage)
        await upload_expiry.sweep(database, storage, may_continue=may_continue)
        await usage.recount_old(Drives(database, storage, DEFAULTS), may_continue=may_continue)
        are_rows_left = await retention.sweep(database, rules, may_continue=may_continue)
        are_projects_left = await purge.purge_due(
            database, storage, rules.deleted_projects, may_continue=may_continue
        )
        return are_rows_left or are_projects_left


async def forget_expired(session: AsyncSession, storage: Storage) -> None:
    """Make the next months' event partitions; forget expired keys, sessions, links, drafts and unused bundles."""
    await partitions.make_ahead(session, now().date())
    await idempotency.sweep(session)
    await metrics.fold(session)
    await session.execute(_EXPIRED_SESSIONS)
    await session.execute(_EXPIRED_LINKS)
    await session.execute(_EXPIRED_RESETS)
    await session.execute(_EXPIRED_INVITATIONS)
    await deployments.sweep(session, storage)
