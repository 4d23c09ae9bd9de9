"""What has to be made ahead or thrown away now and then."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.clock import now
from backend.deployments import sweep as deployments
from backend.events import partitions
from backend.idempotency import service as idempotency
from backend.metrics import books as metrics
from backend.storage import Storage

EVERY_S = 3600.0

LOCK = 0x7469_6479  # "tidy": any constant that no one else takes

_TRY_LOCK = text("select pg_try_advisory_xact_lock(:key)")
_EXPIRED_SESSIONS = text("delete from sessions where expires_at < now()")
_EXPIRED_LINKS = text("delete from setup_links where expires_at < now() - interval '7 days'")


async def tidy(session: AsyncSession, storage: Storage) -> None:
    """Make the next months' event partitions; forget expired keys, sessions, links, drafts and unused bundles.

    One process does it at a time.
    """
    if not (await session.execute(_TRY_LOCK, {"key": LOCK})).scalar_one():
        return
    await partitions.make_ahead(session, now().date())
    await idempotency.sweep(session)
    await metrics.fold(session)
    await session.execute(_EXPIRED_SESSIONS)
    await session.execute(_EXPIRED_LINKS)
    await deployments.sweep(session, storage)
