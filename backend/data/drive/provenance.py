"""Store metadata of files outside of their content: the SHA-256 and the writer of one version."""

from __future__ import annotations

import hashlib
from asyncio import to_thread
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.jsonb import storable
from backend.data.drive.tables import DriveFile
from backend.identity.auth.principal import Principal
from backend.storage import DriveEntry, Outgoing

MAX_IMMEDIATE_HASH_BYTES: Final = 32 << 20
"""A file up to this size whose hash is unknown is hashed when the hash is requested."""
MIN_SETTLED_AGE: Final = timedelta(seconds=2)
"""After this time without a change, every further change gives a file another version."""

_PUT: Final = text("""
insert into drive_files as f (project_id, path, version, sha256, written_by, written_at)
select :project_id, p.path, p.version, p.sha256, p.written_by, p.written_at
from jsonb_to_recordset(cast(:rows as jsonb))
  as p(path text, version text, sha256 text, written_by jsonb, written_at timestamptz)
on conflict (project_id, path) do update set
  sha256 = case when f.version = excluded.version then coalesce(excluded.sha256, f.sha256) else excluded.sha256 end,
  written_by = case when f.version = excluded.version and f.written_by is not null and not :is_exact
                    then f.written_by else excluded.written_by end,
  written_at = case when f.version = excluded.version and f.written_by is not null and not :is_exact
                    then f.written_at else excluded.written_at end,
  version = excluded.version
""")
_DELETE: Final = text("""
delete from drive_files
where project_id = :project_id and (path = :path or starts_with(path, cast(:path as text) || '/'))
""")
_MOVE: Final = text("""
update drive_files set path = cast(:target as text) || substr(path, length(cast(:source as text)) + 1)
where project_id = :project_id and starts_with(path, cast(:source as text) || '/')
""")


def writer_of(principal: Principal) -> dict[str, Any]:
    """Return the principal in the form in which files record their writers."""
    kind = "key" if principal.kind.endswith("_key") else principal.kind
    return {"kind": kind, "id": str(principal.id), "label": principal.label}


async def put(
    session: AsyncSession,
    project_id: UUID,
    entry: DriveEntry,
    *,
    sha256: str | None = None,
    written_by: Mapping[str, Any] | None = None,
    written_at: datetime | None = None,
) -> None:
    """Store metadata of a file in its current version."""
    row = row_of(entry, sha256=sha256, written_by=written_by, written_at=written_at)
    await put_all(session, project_id, [row], is_exact=written_by is not None)


def row_of(
    entry: DriveEntry,
    *,
    sha256: str | None = None,
    written_by: Mapping[str, Any] | None = None,
    written_at: datetime | None = None,
) -> dict[str, Any]:
    """Return one row for `put_all`."""
    return {
        "path": entry.path,
        "version": entry.version,
        "sha256": sha256,
        "written_by": written_by,
        "written_at": written_at.isoformat() if written_at else None,
    }


async def put_all(
    session: AsyncSession, project_id: UUID, rows: Sequence[Mapping[str, Any]], *, is_exact: bool = False
) -> None:
    """Store metadata of many files.

    Args:
        session: The transaction.
        project_id: The project of the drive.
        rows: Rows that `row_of` returned.
        is_exact: Replace a known writer of the same version, since this one was observed while it wrote.
    """
    if rows:
        values = {"project_id": project_id, "rows": storable(list(rows)), "is_exact": is_exact}
        await session.execute(_PUT, values)


async def of_entries(
    session: AsyncSession, project_id: UUID, entries: Sequence[DriveEntry]
) -> dict[str, DriveFile]:
    """Return the metadata of the files in their current versions, by path."""
    versions = {entry.path: entry.version for entry in entries if not entry.is_folder}
    if not versions:
        return {}
    query = select(DriveFile).where(
        col(DriveFile.project_id) == project_id, col(DriveFile.path).in_(list(versions))
    )
    rows = (await session.scalars(query)).all()
    return {row.path: row for row in rows if row.version == versions[row.path]}


async def delete(session: AsyncSession, project_id: UUID, path: str) -> None:
    """Delete the metadata of a file, or of all files in a folder."""
    await session.execute(_DELETE, {"project_id": project_id, "path": path})


async def move_folder(session: AsyncSession, project_id: UUID, source: str, target: str) -> None:
    """Keep the metadata of files in a folder that was moved; their versions do not change.

    A file without a known writer could be attributed to a job that runs while the folder is moved.
    """
    await delete(session, project_id, target)
    await session.execute(_MOVE, {"project_id": project_id, "source": source, "target": target})


async def sha256_of(file: Outgoing) -> str | None:
    """Return the hash of an open file. None: it changed meanwhile, or changed too recently to detect another change."""
    if (file.entry.changed_at or file.entry.modified_at) > now() - MIN_SETTLED_AGE:
        return None
    await file.pin_version()
    digest, count = hashlib.sha256(), 0
    async for chunk in file.chunks(0, file.entry.size_bytes):
        await to_thread(digest.update, chunk)
        count += len(chunk)
    if count != file.entry.size_bytes or not await file.is_unchanged():
        return None
    return digest.hexdigest()
