"""Drafts end after seven days, and bytes that no living deployment uses go."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.storage import Storage

DRAFTS_KEPT: Final = timedelta(days=7)
LOOK_BACK: Final = timedelta(days=2)  # a deletion is looked at again for so long; removing twice does no harm

_OLD_DRAFTS: Final = text("""
update deployments d set deleted_at = now()
where kind = 'draft' and deleted_at is null and created_at < now() - :kept
  and not exists (select from jobs j where j.deployment_id = d.id and j.finished_at is null)
""")
_DELETED: Final = text("""
select distinct sha256 from deployments where deleted_at > now() - :look_back order by sha256
""")
_TAKE_BUNDLE: Final = text("select pg_try_advisory_xact_lock(:key)")
_IS_USED: Final = text("""
select exists (
  select from deployments d where d.sha256 = :sha256 and d.project_id is distinct from :leaving
    and (d.deleted_at is null
         or exists (select from jobs j where j.deployment_id = d.id and j.finished_at is null)))
""")


class Swept(NamedTuple):
    """What a sweep did."""

    drafts: int
    bundles: int


async def sweep(session: AsyncSession, storage: Storage) -> Swept:
    """End old drafts; remove the bytes of what was deleted, unless something still uses the same bytes.

    A push of the same bytes waits on, or skips, the same lock: it never ends up with a row and no bundle.
    """
    drafts = await session.execute(_OLD_DRAFTS, {"kept": DRAFTS_KEPT})
    removed = 0
    for (sha256,) in (await session.execute(_DELETED, {"look_back": LOOK_BACK})).all():
        removed += await remove_unless_used(session, storage, sha256) is True
    return Swept(getattr(drafts, "rowcount", 0), removed)


async def remove_unless_used(
    session: AsyncSession, storage: Storage, sha256: str, *, leaving: UUID | None = None
) -> bool | None:
    """Remove a bundle's bytes unless a project, other than the one that is leaving, uses them.

    Says whether they went, or nothing when somebody stores a reference to them this moment.
    """
    if not await session.scalar(_TAKE_BUNDLE, {"key": bundle_key(sha256)}):
        return None
    if await session.scalar(_IS_USED, {"sha256": sha256, "leaving": leaving}):
        return False
    await storage.delete_bundle(sha256)
    return True


def bundle_key(sha256: str) -> int:
    """The advisory lock of a bundle's bytes: shared by who stores a reference, exclusive for who removes them."""
    return int.from_bytes(bytes.fromhex(sha256[:16]), signed=True)
