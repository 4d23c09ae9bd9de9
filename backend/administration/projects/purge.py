"""Remove the data of deleted projects, in small transactions that block others only briefly.

Records that serve as evidence remain: the ledger without names and the audit entries. The project's own row remains so
that its number, and with it the user ID of its jobs, is never reused.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Table, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.administration.projects import deletion
from backend.core import logs
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.cancel import cancel_all, cancel_by
from backend.identity.auth import audit
from backend.identity.auth.actors import operator
from backend.identity.tables import Project
from backend.money.ledger import closure
from backend.skills.deployments import sweep as deployments
from backend.storage import DriveEntry, Storage
from backend.storage.file_errors import DriveFileMissing, FolderNotEmpty
from backend.storage.local import LocalStorage
from backend.storage.paths import ROOT, parse_drive_path
from backend.storage.removal import remove
from backend.tables import metadata

log = logs.get(__name__)

JOBS: Final = 50
"""Jobs per transaction, with all their events."""
ROWS: Final = 1000
FILES: Final = 1000
RETAINED: Final = frozenset({"projects", "wallets", "ledger_entries", "audit_rows"})
"""Tables whose rows remain."""

_HAS_UNFINISHED_JOBS: Final = text(
    "select exists (select from jobs where project_id = :project_id and finished_at is null)"
)
_LISTING_RUNS: Final = text("""
select id from jobs where publisher_id = :project_id and finished_at is null order by id limit :maximum
""")
"""Runs of its listings by other projects, which need its deployments."""
_SELECT_JOBS: Final = text("select id from jobs where project_id = :project_id limit :maximum")
_DELETE_EVENTS: Final = text("""
delete from job_events where job_id in (select id from jobs where project_id = :project_id and id = any(:job_ids))
""")
_DELETE_JOBS: Final = text("delete from jobs where project_id = :project_id and id = any(:job_ids)")
_SELECT_DEPLOYMENTS: Final = text(
    "select id, sha256 from deployments where project_id = :project_id limit :maximum for update"
)
_DELETE_DEPLOYMENTS: Final = text("delete from deployments where project_id = :project_id and id = any(:ids)")


async def purge_due(
    database: Database, storage: Storage, grace: timedelta, *, may_continue: Callable[[], bool]
) -> bool:
    """Remove the data of deleted projects while `may_continue` returns true; return whether some remains.

    Call it with the lock of maintenance, so that no backup or other purge runs.
    """
    async with database.transaction() as session:
        due = await deletion.due_for_purge(session, grace)
    for project in due:
        if not may_continue() or not await _purge(database, storage, project, may_continue):
            return True
    return False


async def _purge(
    database: Database, storage: Storage, project: Project, may_continue: Callable[[], bool]
) -> bool:
    async with database.transaction() as session:
        project_row = await _lock_deleted(session, project.id)
        if project_row is None:
            return True  # it was restored in the meantime
        if await session.scalar(_HAS_UNFINISHED_JOBS, {"project_id": project.id}):
            await cancel_all(session, project.id, actor="the deletion of its project")
            return False
        if remaining_job_ids := (
            await session.scalars(_LISTING_RUNS, {"project_id": project.id, "maximum": JOBS})
        ).all():
            for job_id in remaining_job_ids:
                await cancel_by(session, job_id, actor="the deletion of its publisher")
            return False
        # The names are removed first: from now on the project cannot be restored, and the attempt is rejected.
        project_row.name, project_row.former_slug = "", None
    async for _ in _steps(database, storage, project.id):
        if not may_continue():
            return False
    async with database.transaction() as session:
        await closure.close(session, project.id)
        purged = await session.get_one(Project, project.id)
        purged.purged_at = now()
        await audit.record(session, operator(project.id), "project.purged", str(project.id))
    log.info("data of a deleted project removed", project_id=str(project.id))
    return True


async def _lock_deleted(session: AsyncSession, project_id: UUID) -> Project | None:
    """Lock and return the project if it is still deleted; `None` when it was restored."""
    query = select(Project).where(col(Project.id) == project_id, col(Project.deleted_at).is_not(None))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def _steps(database: Database, storage: Storage, project_id: UUID) -> AsyncIterator[None]:
    for step in (_remove_jobs, _remove_deployments):
        more = True
        while more:
            async with database.transaction() as session:
                more = await step(session, storage, project_id)
            yield
    for table in tenant_tables():
        while await _remove_rows(database, table, project_id):
            yield
    while await _remove_files(storage, project_id):
        yield


def tenant_tables() -> list[Table]:
    """Return the tables whose rows are removed, in the order in which foreign keys allow it."""
    return [
        table
        for table in reversed(metadata.sorted_tables)
        if "project_id" in table.columns and table.name not in RETAINED
    ]


async def _remove_jobs(session: AsyncSession, storage: Storage, project_id: UUID) -> bool:
    values: dict[str, Any] = {"project_id": project_id}
    job_ids = (await session.scalars(_SELECT_JOBS, values | {"maximum": JOBS})).all()
    if job_ids:
        values["job_ids"] = list(job_ids)
        await session.execute(_DELETE_EVENTS, values)
        await session.execute(_DELETE_JOBS, values)
    return len(job_ids) == JOBS


async def _remove_deployments(session: AsyncSession, storage: Storage, project_id: UUID) -> bool:
    """Remove rows and, before them, the bundles that no other project refers to."""
    values: dict[str, Any] = {"project_id": project_id}
    rows = (await session.execute(_SELECT_DEPLOYMENTS, values | {"maximum": JOBS})).all()
    for sha256 in sorted({row.sha256 for row in rows}):
        removed = await deployments.remove_unless_used(session, storage, sha256, leaving=project_id)
        if removed is None:
            return True  # another project pushes the same bundle right now
    await session.execute(_DELETE_DEPLOYMENTS, values | {"ids": [row.id for row in rows]})
    return len(rows) == JOBS


async def _remove_rows(database: Database, table: Table, project_id: UUID) -> bool:
    name = table.name
    remove = text(f"""
        delete from {name}
        where ctid = any(array(select ctid from {name} where project_id = :project_id limit :maximum))
    """)  # noqa: S608 - the name of one of our own tables
    async with database.transaction() as session:
        removed = await session.execute(remove, {"project_id": project_id, "maximum": ROWS})
    return bool(getattr(removed, "rowcount", 0) == ROWS)


async def _remove_files(storage: Storage, project_id: UUID) -> bool:
    if isinstance(storage, LocalStorage):
        await asyncio.to_thread(_remove_folder, storage, project_id)
        return False
    page = await storage.list(project_id, ROOT, recursive=True, limit=FILES)
    for entry in sorted(page, key=lambda one: one.path, reverse=True):  # files before their folders
        await _remove_file(storage, project_id, entry)
    return len(page) == FILES


async def _remove_file(storage: Storage, project_id: UUID, entry: DriveEntry) -> None:
    try:
        await storage.delete(project_id, parse_drive_path(f"drive/{entry.path}"))
    except (DriveFileMissing, FolderNotEmpty):
        return  # deleted already, or its content is on the next page


def _remove_folder(storage: LocalStorage, project_id: UUID) -> None:
    """Remove the drive including links; no job of the project runs any more, so it does not change meanwhile."""
    drive = storage.drive_dir(project_id, None)
    remove(drive)
    if drive.exists():
        raise OSError(errno.ENOTEMPTY, "some entries in it cannot be removed", str(drive))
