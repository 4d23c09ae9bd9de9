"""Export a project as a stream of one archive with its rows, its bundles and its drive.

    README.txt                       description of the archive
    tables/<table>/<number>.jsonl    rows, one JSON object per line
    bundles/<sha256>.zip             as they were pushed
    drive/<path>
    manifest.json                    counts, and the digest over all files before it

It contains no values of secrets, no hashes of keys, and no data of other projects.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import col

import backend.tables  # noqa: F401 - registers every table
from backend.administration.archives import drives
from backend.administration.archives.drives import Drive
from backend.administration.archives.entry import Entry
from backend.administration.archives.size_limits import Measured
from backend.administration.archives.writer import ArchiveWriter
from backend.administration.projects.export_format import EXPORTED
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db import row_export
from backend.core.db.row_export import ExportedTable
from backend.identity.auth import audit
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import Project
from backend.skills.deployments.tables import Deployment
from backend.storage.errors import BundleMissing
from backend.storage.file_errors import DriveFileLocked
from backend.storage.sandbox_uids import sandbox_uid

PART_BYTES: Final = 1024 * 1024
README: Final = """\
This archive contains all data that Puras Studio stores for one project.

tables/<table>/*.jsonl  rows of the database, one JSON object per line; a table has one or more numbered parts
bundles/*.zip           the skills of each deployment; the name is the sha256 in tables/deployments
drive/                  the project's files
manifest.json           counts of all content; the last file: an archive without it is truncated

Values of secrets and hashes of API keys are not included. Rows were read page by page, so a job that ran during the
export may be incomplete. Members are IDs with roles, because their accounts belong to the instance.
"""


class Spool:
    """Buffer between the writer of an archive and the response."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def write(self, data: bytes, /) -> int:
        """See `Sink.write`."""
        self._buffer += data
        return len(data)

    def flush(self) -> None:
        """See `Sink.flush`."""

    def take(self) -> bytes:
        """Return and remove the buffered bytes."""
        content = bytes(self._buffer)
        self._buffer.clear()
        return content


async def start(context: AppContext, principal: Principal) -> Export:
    """Start an export of the principal's project, whose archive `chunks` yields, and record it in the audit log.

    Raises:
        ProjectNotFound: The project was deleted.
        NotAllowed: The principal is not an owner.
    """
    principal.require(Role.OWNER, "project:read")
    async with context.database.transaction() as session:
        project = await project_of(session, principal)
        await audit.record(session, principal, "project.exported", project.slug)
        deployed = (
            select(col(Deployment.sha256))
            .where(col(Deployment.project_id) == project.id, col(Deployment.deleted_at).is_(None))
            .distinct()
        )
        bundles = sorted((await session.scalars(deployed)).all())
    return Export(context, project, bundles)


@dataclass(slots=True)
class Export:
    """An export in progress."""

    context: AppContext
    project: Project
    bundles: list[str]
    spool: Spool = field(default_factory=Spool)
    archive: ArchiveWriter = field(init=False)
    rows: dict[str, int] = field(default_factory=dict)
    missing_bundles: list[str] = field(default_factory=list)
    locked_files: list[str] = field(default_factory=list)
    """Files of the drive that are not in the archive, because a process holds a lease on them."""
    files: int = 0

    def __post_init__(self) -> None:
        self.archive = ArchiveWriter(self.spool)

    @property
    def filename(self) -> str:
        """Return the file name for the download."""
        return f"{self.project.slug}-{now():%Y-%m-%d}.tar.gz"

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the archive, from its beginning to its end."""
        with self.archive:
            await self._add("README.txt", README.encode())
            for table in EXPORTED:
                async for chunk in self._table(table):
                    yield chunk
            async for chunk in self._bundles():
                yield chunk
            async for chunk in self._drive():
                yield chunk
            await self._add("manifest.json", json.dumps(self._manifest(), indent=1).encode())
            await asyncio.to_thread(self.archive.close)
        yield self.spool.take()

    async def _table(self, table: ExportedTable) -> AsyncIterator[bytes]:
        part, number = bytearray(), 0
        self.rows[table.name] = 0
        async for line in row_export.lines(self.context.database, table, self.project.id):
            self.rows[table.name] += 1
            part += line
            if len(part) >= PART_BYTES:
                number += 1
                await self._add(f"tables/{table.name}/{number:06}.jsonl", bytes(part))
                part.clear()
                yield self.spool.take()
        if part:
            await self._add(f"tables/{table.name}/{number + 1:06}.jsonl", bytes(part))
            yield self.spool.take()

    async def _bundles(self) -> AsyncIterator[bytes]:
        for sha256 in self.bundles:
            try:
                data = await self.context.storage.get_bundle(sha256)
            except BundleMissing:
                self.missing_bundles.append(sha256)
                continue
            await self._add(f"bundles/{sha256}.zip", data)
            yield self.spool.take()

    async def _drive(self) -> AsyncIterator[bytes]:
        storage = self.context.storage
        drive = Drive(self.project.id, sandbox_uid(self.project.number or 0), "drive")
        async for entry in drives.entries(storage, drive):
            if entry.is_folder:
                async for chunk in self._adding(drives.folder(storage, drive, entry), ()):
                    yield chunk
                continue
            with Measured(self.context.settings.home) as measured:
                try:
                    archive_entry = await drives.measure(storage, drive, entry, measured)
                except DriveFileLocked:
                    self.locked_files.append(drive.name_of(entry))
                    continue
                if archive_entry is None:
                    continue
                self.files += 1
                async for chunk in self._adding(archive_entry, measured.chunks()):
                    yield chunk

    async def _add(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self.archive.add, name, data)

    async def _adding(self, entry: Entry, content: Iterable[bytes]) -> AsyncIterator[bytes]:
        steps = self.archive.adding(entry, content)
        while await asyncio.to_thread(next, steps, self) is not self:
            yield self.spool.take()
        yield self.spool.take()

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": "puras-project",
            "version": 1,
            "project_id": str(self.project.id),
            "slug": self.project.slug,
            "made_at": now().isoformat(),
            "rows": self.rows,
            "bundles": len(self.bundles) - len(self.missing_bundles),
            "missing_bundles": self.missing_bundles,
            "drive_files": self.files,
            "locked_files": self.locked_files,
            "files": self.archive.digest.files,
            "sha256": self.archive.digest.sha256,
        }
