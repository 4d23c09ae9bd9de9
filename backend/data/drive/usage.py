"""Count what a project's drive contains, and check it against the quota.

The count is a row. What the API writes is added to it immediately, so that no upload has to measure the whole drive.
What jobs write is counted after they have run, when the whole drive is measured. A write during that measurement may be
counted twice or not at all until the next one. Unfinished uploads reserve their whole length.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import Quota, Quotas, quota
from backend.core.db.engine import AnySession, Database
from backend.storage import Storage
from backend.storage.file_errors import DriveOverQuota, DriveQuotaReached

MAX_COUNT_AGE: Final = timedelta(days=1)
"""An older count is measured again, even if no job has run."""
MAX_AGE_UNCHANGED: Final = timedelta(minutes=1)
"""A count that a measurement confirms is only stored again if it is older: each commit waits for the disk."""
_MAX_OVERUSE_FACTOR: Final = 2
"""A drive that jobs have filled beyond its quota is noticed after they have run. No job starts above this multiple of
the quota."""

_READ: Final = text("""
select u.bytes, u.files, u.counted_at, p.limits, p.own_limits,
       coalesce(w.bytes, 0)::bigint as waiting_bytes, coalesce(w.files, 0)::bigint as waiting_files
from projects p
left join drive_usage u on u.project_id = p.id
left join lateral (
  select sum(length_bytes) as bytes, count(*) as files from drive_uploads
  where project_id = p.id and finished_at is null and expires_at > now()
) w on true
where p.id = :project_id
""")
_INSERT_COUNT: Final = text("""
insert into drive_usage (project_id, bytes, files, counted_at) values (:project_id, :bytes, :files, now())
on conflict (project_id) do nothing
""")
_LOCK: Final = text("select 1 from drive_usage where project_id = :project_id for update")
_ADD: Final = text("""
update drive_usage set bytes = greatest(0, bytes + :bytes), files = greatest(0, files + :files)
where project_id = :project_id
""")
_SET_COUNT: Final = text("""
update drive_usage set bytes = greatest(0, :bytes + bytes - :bytes_before),
  files = greatest(0, :files + files - :files_before), counted_at = now()
where project_id = :project_id
  and (:bytes <> :bytes_before or :files <> :files_before or counted_at < now() - :max_age_unchanged)
""")
_OUTDATED: Final = text("""
select u.project_id from drive_usage u join projects p on p.id = u.project_id
where u.counted_at < now() - :age and p.deleted_at is null order by u.counted_at limit 20
""")


class Usage(NamedTuple):
    """The usage and the limits of a drive."""

    bytes: int
    files: int
    counted_at: datetime | None
    waiting_bytes: int
    """Size of unfinished uploads."""
    waiting_files: int
    max_bytes: int
    max_files: int

    def require_capacity(self, more_bytes: int, more_files: int) -> None:
        """Reject an addition that exceeds the quota; a reduction is always accepted.

        Raises:
            DriveQuotaReached: The addition exceeds the quota.
        """
        used_bytes, used_files = self.bytes + self.waiting_bytes, self.files + self.waiting_files
        if more_bytes > 0 and used_bytes + more_bytes > self.max_bytes:
            raise DriveQuotaReached(Quota.DRIVE_MB, self.max_bytes, used_bytes, more_bytes)
        if more_files > 0 and used_files + more_files > self.max_files:
            raise DriveQuotaReached(Quota.DRIVE_FILES, self.max_files, used_files, more_files)

    @property
    def is_over(self) -> bool:
        """Return whether the drive exceeds its quota, which is possible since jobs write without a check."""
        return self.bytes > self.max_bytes or self.files > self.max_files

    def require_not_far_over(self) -> None:
        """Reject a writer that is not checked while it writes, if the drive contains twice its quota.

        Raises:
            DriveOverQuota: The drive contains more than twice its quota.
        """
        if self.bytes > _MAX_OVERUSE_FACTOR * self.max_bytes:
            raise DriveOverQuota(Quota.DRIVE_MB, self.max_bytes, self.bytes)
        if self.files > _MAX_OVERUSE_FACTOR * self.max_files:
            raise DriveOverQuota(Quota.DRIVE_FILES, self.max_files, self.files)


class Drives(NamedTuple):
    """The dependencies to measure and count drives."""

    database: Database
    storage: Storage
    quotas: Quotas


async def read(session: AnySession, quotas: Quotas, project_id: UUID) -> Usage:
    """Return the stored count without a measurement."""
    row = (await session.execute(_READ, {"project_id": project_id})).one()
    limits = row.limits or {}, row.own_limits or {}
    return Usage(
        bytes=row.bytes or 0,
        files=row.files or 0,
        counted_at=row.counted_at,
        waiting_bytes=row.waiting_bytes,
        waiting_files=row.waiting_files,
        max_bytes=quota(*limits, Quota.DRIVE_MB, quotas) << 20,
        max_files=quota(*limits, Quota.DRIVE_FILES, quotas),
    )


async def current(drives: Drives, project_id: UUID) -> Usage:
    """Return the count of a drive; measure a drive that was never counted."""
    async with drives.database.transaction() as session:
        usage = await read(session, drives.quotas, project_id)
    if usage.counted_at is not None:
        return usage
    holdings = await drives.storage.measure(project_id)
    async with drives.database.transaction() as session:
        await session.execute(_INSERT_COUNT, {"project_id": project_id, **holdings._asdict()})
        return await read(session, drives.quotas, project_id)


async def reserve(
    session: AsyncSession, quotas: Quotas, project_id: UUID, size_bytes: int, files: int
) -> None:
    """Add to the count unless that exceeds the quota. Concurrent calls succeed as far as there is space.

    Raises:
        DriveQuotaReached: It exceeds the quota.
    """
    await lock(session, project_id)
    (await read(session, quotas, project_id)).require_capacity(size_bytes, files)
    await add(session, project_id, size_bytes, files)


async def lock(session: AsyncSession, project_id: UUID) -> None:
    """Keep other transactions from reserving space until this one ends."""
    await session.execute(_LOCK, {"project_id": project_id})


async def add(session: AsyncSession, project_id: UUID, size_bytes: int, files: int) -> None:
    """Add to the count; negative numbers reduce it."""
    await session.execute(_ADD, {"project_id": project_id, "bytes": size_bytes, "files": files})


@asynccontextmanager
async def reserved(
    drives: Drives, project_id: UUID, size_bytes: int, files: int
) -> AsyncIterator[ReservedSpace]:
    """Reserve space for what the block stores, and release it unless the block calls `keep`.

    Raises:
        DriveQuotaReached: It exceeds the quota.
    """
    async with drives.database.transaction() as session:
        await reserve(session, drives.quotas, project_id, size_bytes, files)
    space = ReservedSpace()
    try:
        yield space
    finally:
        if not space.is_kept:
            async with drives.database.transaction() as session:
                await add(session, project_id, -size_bytes, -files)


class ReservedSpace:
    """Space that was added to the count in advance."""

    is_kept = False

    def keep(self) -> None:
        """Keep the space, since it is used now."""
        self.is_kept = True


async def recount(drives: Drives, project_id: UUID) -> None:
    """Measure the whole drive and correct its count."""
    before = await current(drives, project_id)
    holdings = await drives.storage.measure(project_id)
    await set_count(drives, project_id, before, holdings.bytes, holdings.files)


async def set_count(drives: Drives, project_id: UUID, before: Usage, size_bytes: int, files: int) -> None:
    """Set the count to what was measured, plus what was added since `before` was read.

    If nothing has changed, the count is stored once in `MAX_AGE_UNCHANGED`.
    """
    values = {
        "bytes": size_bytes,
        "files": files,
        "bytes_before": before.bytes,
        "files_before": before.files,
        "max_age_unchanged": MAX_AGE_UNCHANGED,
    }
    async with drives.database.transaction() as session:
        await session.execute(_SET_COUNT, {"project_id": project_id, **values})


async def recount_outdated(drives: Drives, *, may_continue: Callable[[], bool]) -> None:
    """Measure drives whose counts are a day old."""
    async with drives.database.transaction() as session:
        project_ids = (await session.scalars(_OUTDATED, {"age": MAX_COUNT_AGE})).all()
    for project_id in project_ids:
        if not may_continue():
            return
        await recount(drives, project_id)
