"""How much a project's drive holds, and whether there is room for more.

The count is a row: what the API writes is added to it at once, so that no upload looks at the whole drive. What jobs
write is counted after they have run, when everything is looked at anew. What is written while that look lasts may be
counted twice or not at all until the next one. Uploads on their way hold their whole length.
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

AGE: Final = timedelta(days=1)
"""A count that is older is made anew, whether a job has run or not."""
_FAR: Final = 2
"""Jobs that make an overfilled drive larger are noticed a moment later: at so many times the limit none begins."""

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
_BEGIN: Final = text("""
insert into drive_usage (project_id, bytes, files, counted_at) values (:project_id, :bytes, :files, now())
on conflict (project_id) do nothing
""")
_LOCK: Final = text("select 1 from drive_usage where project_id = :project_id for update")
_ADD: Final = text("""
update drive_usage set bytes = greatest(0, bytes + :bytes), files = greatest(0, files + :files)
where project_id = :project_id
""")
_TRUE_UP: Final = text("""
update drive_usage set bytes = greatest(0, :bytes + bytes - :bytes_before),
  files = greatest(0, :files + files - :files_before), counted_at = now()
where project_id = :project_id
""")
_OLD: Final = text("""
select u.project_id from drive_usage u join projects p on p.id = u.project_id
where u.counted_at < now() - :age and p.deleted_at is null order by u.counted_at limit 20
""")


class Usage(NamedTuple):
    """What a drive holds, and what it may."""

    bytes: int
    files: int
    counted_at: datetime | None
    waiting_bytes: int
    """Of uploads on their way."""
    waiting_files: int
    most_bytes: int
    most_files: int

    def refuse(self, wanted_bytes: int, wanted_files: int) -> None:
        """Refuse what does not fit; what makes a drive smaller always does.

        Raises:
            DriveQuotaReached: it does not.
        """
        used_bytes, used_files = self.bytes + self.waiting_bytes, self.files + self.waiting_files
        if wanted_bytes > 0 and used_bytes + wanted_bytes > self.most_bytes:
            raise DriveQuotaReached(Quota.DRIVE_MB, self.most_bytes, used_bytes, wanted_bytes)
        if wanted_files > 0 and used_files + wanted_files > self.most_files:
            raise DriveQuotaReached(Quota.DRIVE_FILES, self.most_files, used_files, wanted_files)

    @property
    def is_over(self) -> bool:
        """Whether it holds more than it may: jobs write without asking."""
        return self.bytes > self.most_bytes or self.files > self.most_files

    def refuse_far_over(self) -> None:
        """Refuse whoever writes without asking, once there is twice as much as there may be.

        Raises:
            DriveOverQuota: there is.
        """
        if self.bytes > _FAR * self.most_bytes:
            raise DriveOverQuota(Quota.DRIVE_MB, self.most_bytes, self.bytes)
        if self.files > _FAR * self.most_files:
            raise DriveOverQuota(Quota.DRIVE_FILES, self.most_files, self.files)


class Drives(NamedTuple):
    """What the count is kept with."""

    database: Database
    storage: Storage
    quotas: Quotas


async def read(session: AnySession, quotas: Quotas, project_id: UUID) -> Usage:
    """What is known now; nothing is looked at."""
    row = (await session.execute(_READ, {"project_id": project_id})).one()
    limits = row.limits or {}, row.own_limits or {}
    return Usage(
        bytes=row.bytes or 0,
        files=row.files or 0,
        counted_at=row.counted_at,
        waiting_bytes=row.waiting_bytes,
        waiting_files=row.waiting_files,
        most_bytes=quota(*limits, Quota.DRIVE_MB, quotas) << 20,
        most_files=quota(*limits, Quota.DRIVE_FILES, quotas),
    )


async def current(drives: Drives, project_id: UUID) -> Usage:
    """What the drive holds; a drive that was never counted is counted now."""
    async with drives.database.transaction() as session:
        usage = await read(session, drives.quotas, project_id)
    if usage.counted_at is not None:
        return usage
    holdings = await drives.storage.measure(project_id)
    async with drives.database.transaction() as session:
        await session.execute(_BEGIN, {"project_id": project_id, **holdings._asdict()})
        return await read(session, drives.quotas, project_id)


async def take(session: AsyncSession, quotas: Quotas, project_id: UUID, size_bytes: int, files: int) -> None:
    """Count more, unless the drive has no room: of many at once, as many succeed as there is room for.

    Raises:
        DriveQuotaReached: it has none.
    """
    await hold(session, project_id)
    (await read(session, quotas, project_id)).refuse(size_bytes, files)
    await add(session, project_id, size_bytes, files)


async def hold(session: AsyncSession, project_id: UUID) -> None:
    """Keep others from taking room until the transaction ends."""
    await session.execute(_LOCK, {"project_id": project_id})


async def add(session: AsyncSession, project_id: UUID, size_bytes: int, files: int) -> None:
    """Count more or, with numbers below zero, less."""
    await session.execute(_ADD, {"project_id": project_id, "bytes": size_bytes, "files": files})


@asynccontextmanager
async def taken(drives: Drives, project_id: UUID, size_bytes: int, files: int) -> AsyncIterator[Taken]:
    """Room for what the block stores; given back when it was not `kept`.

    Raises:
        DriveQuotaReached: there is none.
    """
    async with drives.database.transaction() as session:
        await take(session, drives.quotas, project_id, size_bytes, files)
    room = Taken()
    try:
        yield room
    finally:
        if not room.is_kept:
            async with drives.database.transaction() as session:
                await add(session, project_id, -size_bytes, -files)


class Taken:
    """Room that was taken."""

    is_kept = False

    def keep(self) -> None:
        """Something is in it now."""
        self.is_kept = True


async def true_up(drives: Drives, project_id: UUID) -> None:
    """Look at everything, and correct the count."""
    before = await current(drives, project_id)
    holdings = await drives.storage.measure(project_id)
    await correct(drives, project_id, before, holdings.bytes, holdings.files)


async def correct(drives: Drives, project_id: UUID, before: Usage, size_bytes: int, files: int) -> None:
    """Set the count to what was found, and what was added while one looked."""
    values = {"bytes": size_bytes, "files": files, "bytes_before": before.bytes, "files_before": before.files}
    async with drives.database.transaction() as session:
        await session.execute(_TRUE_UP, {"project_id": project_id, **values})


async def recount_old(drives: Drives, *, may_continue: Callable[[], bool]) -> None:
    """Correct counts that are a day old."""
    async with drives.database.transaction() as session:
        due = (await session.scalars(_OLD, {"age": AGE})).all()
    for project_id in due:
        if not may_continue():
            return
        await true_up(drives, project_id)
