"""Removing everything of a deleted project, in small steps: whoever works beside it never waits long.

What stays is what others must be able to prove: the ledger without names, the audit, and the project's own row, so that
its number (and with it the user id of its jobs) is never given to another.
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
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.cancel_all import cancel_all
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
"""In one step, with all their events."""
ROWS: Final = 1000
FILES: Final = 1000
STAYING: Final = frozenset({"projects", "wallets", "ledger_entries", "audit_rows"})
"""Tables whose rows outlive the project."""

_LIVES: Final = text(
    "select exists (select from jobs where project_id = :project_id and finished_at is null)"
)
_RUN_ELSEWHERE: Final = text("""
select id from jobs where publisher_id = :project_id and finished_at is null order by id limit :most
""")
"""Runs of its listings, which stand on its deployments."""
_SOME_JOBS: Final = text("select id from jobs where project_id = :project_id limit :most")
_THEIR_EVENTS: Final = text("""
delete from job_events where job_id in (select id from jobs where project_id = :project_id and id = any(:job_ids))
""")
_JOBS_GONE: Final = text("delete from jobs where project_id = :project_id and id = any(:job_ids)")
_SOME_DEPLOYMENTS: Final = text(
    "select id, sha256 from deployments where project_id = :project_id limit :most for update"
)
_DEPLOYMENTS_GONE: Final = text("delete from deployments where project_id = :project_id and id = any(:ids)")


async def purge_due(
    database: Database, storage: Storage, grace: timedelta, *, may_go_on: Callable[[], bool]
) -> bool:
    """Remove what deleted projects have left behind, as long as it may; says whether something is left.

    Call it while no backup is made and nobody else tidies.
    """
    async with database.transaction() as session:
        due = await deletion.due_for_purge(session, grace)
    for project in due:
        if not may_go_on() or not await _purge(database, storage, project, may_go_on):
            return True
    return False


async def _purge(
    database: Database, storage: Storage, project: Project, may_go_on: Callable[[], bool]
) -> bool:
    async with database.transaction() as session:
        leaving = await _held(session, project.id)
        if leaving is None:
            return True  # it was brought back this moment
        if await session.scalar(_LIVES, {"project_id": project.id}):
            await cancel_all(session, project.id, who="the deletion of its project")
            return False
        if still := (await session.scalars(_RUN_ELSEWHERE, {"project_id": project.id, "most": JOBS})).all():
            for job_id in still:
                await cancel_by(session, job_id, who="the deletion of its publisher")
            return False
        # Its names go first: from now on an undo comes too late, and says so.
        leaving.name, leaving.former_slug = "", None
    async for _ in _steps(database, storage, project.id):
        if not may_go_on():
            return False
    async with database.transaction() as session:
        await closure.close(session, project.id)
        gone = await session.get_one(Project, project.id)
        gone.purged_at = now()
        await audit.record(session, operator(project.id), "project.purged", str(project.id))
    log.info("everything of a deleted project was removed", project_id=str(project.id))
    return True


async def _held(session: AsyncSession, project_id: UUID) -> Project | None:
    """The project, which nobody brings back until the transaction ends; none when somebody has."""
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
    """Tables of which nothing stays, those that refer to others before these."""
    return [
        table
        for table in reversed(metadata.sorted_tables)
        if "project_id" in table.columns and table.name not in STAYING
    ]


async def _remove_jobs(session: AsyncSession, storage: Storage, project_id: UUID) -> bool:
    values: dict[str, Any] = {"project_id": project_id}
    job_ids = (await session.scalars(_SOME_JOBS, values | {"most": JOBS})).all()
    if job_ids:
        values["job_ids"] = list(job_ids)
        await session.execute(_THEIR_EVENTS, values)
        await session.execute(_JOBS_GONE, values)
    return len(job_ids) == JOBS


async def _remove_deployments(session: AsyncSession, storage: Storage, project_id: UUID) -> bool:
    """Remove rows and, before them, the bytes that no other project's rows name."""
    values: dict[str, Any] = {"project_id": project_id}
    rows = (await session.execute(_SOME_DEPLOYMENTS, values | {"most": JOBS})).all()
    for sha256 in sorted({row.sha256 for row in rows}):
        removed = await deployments.remove_unless_used(session, storage, sha256, leaving=project_id)
        if removed is None:
            return True  # somebody pushes the same bytes this moment
    await session.execute(_DEPLOYMENTS_GONE, values | {"ids": [row.id for row in rows]})
    return len(rows) == JOBS


async def _remove_rows(database: Database, table: Table, project_id: UUID) -> bool:
    name = table.name
    remove = text(f"""
        delete from {name}
        where ctid = any(array(select ctid from {name} where project_id = :project_id limit :most))
    """)  # noqa: S608 - the name of one of our own tables
    async with database.transaction() as session:
        removed = await session.execute(remove, {"project_id": project_id, "most": ROWS})
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
        return  # gone with another one, or of the next page


def _remove_folder(storage: LocalStorage, project_id: UUID) -> None:
    """Remove the drive with links and all; nothing of the project runs any more, so nobody changes it meanwhile."""
    drive = storage.drive_dir(project_id, None)
    remove(drive)
    if drive.exists():
        raise OSError(errno.ENOTEMPTY, "not everything in it can be removed", str(drive))
