"""Delete drafts after seven days, and bundles that no deployment uses any more."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.storage import Storage

DRAFTS_KEPT: Final = timedelta(days=7)
LOOK_BACK: Final = timedelta(days=2)  # deletions are checked again for two days; this has no effect

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
    """The result of a sweep."""

    drafts: int
    bundles: int


async def sweep(session: AsyncSession, storage: Storage) -> Swept:
    """Delete old drafts, and the bundles of deleted deployments that no other deployment uses.

    A push of the same bundle uses the same lock, so that it never stores a row without a bundle.
    """
    drafts = await session.execute(_OLD_DRAFTS, {"kept": DRAFTS_KEPT})
    removed = 0
    for (sha256,) in (await session.execute(_DELETED, {"look_back": LOOK_BACK})).all():
        removed += await remove_unless_used(session, storage, sha256) is True
    return Swept(getattr(drafts, "rowcount", 0), removed)


async def remove_unless_used(
    session: AsyncSession, storage: Storage, sha256: str, *, leaving: UUID | None = None
) -> bool | None:
    """Remove a bundle unless another project than the one that is being deleted uses it.

    Return whether it was removed; None if a reference to it is being stored at the same time.
    """
    if not await session.scalar(_TAKE_BUNDLE, {"key": bundle_key(sha256)}):
        return None
    if await session.scalar(_IS_USED, {"sha256": sha256, "leaving": leaving}):
        return False
    await storage.delete_bundle(sha256)
    return True


def bundle_key(sha256: str) -> int:
    """Return the key of the advisory lock of a bundle.

    The lock is shared to store a reference to the bundle, and exclusive to remove it.
    """
    return int.from_bytes(bytes.fromhex(sha256[:16]), signed=True)
