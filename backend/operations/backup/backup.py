"""Write a backup while the instance runs.

The database is read in one snapshot, then the bundles and drives. The sweep that removes bundles is blocked until the
end, so that every bundle in the snapshot exists. Drives are live: each file is stored as it was when it was read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import IO, Any, Final, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from backend import embedded, housekeeping
from backend.administration.archives import drives
from backend.administration.archives.drives import Drive
from backend.administration.archives.errors import DiskFull
from backend.administration.archives.size_limits import Measured
from backend.administration.archives.writer import ArchiveWriter
from backend.config import Settings
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db import pooler
from backend.core.version import version
from backend.migrations import run as migrations
from backend.operations import database
from backend.operations.backup import files, tables
from backend.operations.backup.contents import (
    HEADER,
    KEYS,
    MANIFEST,
    PURPOSE,
    SIGNATURE,
    Header,
    Manifest,
    Signature,
    Table,
)
from backend.operations.backup.errors import BackupExists, BackupUnreadable
from backend.operations.errors import NotMigrated
from backend.startup import open_context
from backend.storage.errors import BundleMissing
from backend.storage.file_errors import DriveFileLocked
from backend.storage.sandbox_uids import sandbox_uid

Report = Callable[[str], None]
"""Prints a line about the progress."""

SPARE_BYTES: Final = 64 * 1024 * 1024
"""Space that stays free on the disk of the backup."""
_BLOCK_SWEEP: Final = "select pg_advisory_xact_lock_shared(%s)"
_REVISION: Final = "select version_num from alembic_version"
_SECRETS: Final = "select (select count(*) from secrets) + (select count(*) from environment_secrets)"
_BUNDLES: Final = """
select sha256, max(size_bytes)::bigint from deployments d
where deleted_at is null or exists (select from jobs j where j.deployment_id = d.id and j.finished_at is null)
group by sha256 order by sha256
"""
_PROJECTS: Final = "select id, number from projects order by number"


class CreatedBackup(NamedTuple):
    """A backup that was written."""

    path: Path
    size_bytes: int
    header: Header
    manifest: Manifest


async def create(settings: Settings, target: Path, *, with_keys: bool, report: Report) -> CreatedBackup:
    """Write a backup to the path, or into the folder at the path; the file appears complete or not at all.

    Raises:
        BackupExists: A file exists at the path.
        DiskFull: The disk does not have the space that may be needed.
        NotRunning: The embedded database does not run.
        NotMigrated: The database does not have the tables of this release.
    """
    target = _target(target)
    _require_tables(embedded.attach(settings).direct_url)
    draft = target.with_name(f".{target.name}.{token_hex(4)}.part")
    try:
        with _created(draft) as file:
            async with open_context(settings) as context, _sweep_blocked(settings) as connection:
                with ArchiveWriter(file) as archive:
                    writing = _Writing(context, archive, draft.parent, report)
                    header, manifest = await writing.write(connection, with_keys=with_keys)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            raise BackupExists(target)
        draft.rename(target)
    finally:
        draft.unlink(missing_ok=True)
    return CreatedBackup(target, target.stat().st_size, header, manifest)


def _target(path: Path) -> Path:
    path = path.expanduser().absolute()
    if path.is_dir():
        path /= f"puras-{now():%Y-%m-%dT%H%M%SZ}.tar.gz"
    if path.exists():
        raise BackupExists(path)
    return path


def _require_tables(database_url: str) -> None:
    database.server_major(database_url)  # raises an error if the database is unavailable
    if migrations.current_revision(database_url) is None:
        raise NotMigrated


def _created(draft: Path) -> IO[bytes]:
    try:
        return os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
    except OSError as error:
        raise BackupUnreadable(draft.parent, error.strerror or str(error)) from None


@asynccontextmanager
async def _sweep_blocked(settings: Settings) -> AsyncIterator[tables.Connection]:
    """Yield a connection for the snapshot; while the block runs, no bundle is removed."""
    url = pooler.plain(embedded.attach(settings).direct_url)
    async with (
        await AsyncConnection.connect(url) as lock_session,
        await AsyncConnection.connect(url) as reader,
    ):
        await lock_session.execute("set local idle_in_transaction_session_timeout = 0")
        await lock_session.execute(_BLOCK_SWEEP, (housekeeping.LOCK,))
        yield reader
        await lock_session.rollback()


@dataclass(slots=True)
class _Writing:
    """A backup in progress."""

    context: AppContext
    archive: ArchiveWriter
    folder: Path
    """The folder of the backup, also used for temporary copies of large files."""
    report: Report
    rows: dict[str, int] = field(default_factory=dict)
    missing_bundles: list[str] = field(default_factory=list)
    bundles_bytes: int = 0
    drive_files: int = 0
    drive_bytes: int = 0
    vanished_files: int = 0
    locked_files: list[str] = field(default_factory=list)

    async def write(self, connection: tables.Connection, *, with_keys: bool) -> tuple[Header, Manifest]:
        """Write the whole backup."""
        await _begin_snapshot(connection)
        bundles: dict[str, int] = dict(await _rows(connection, _BUNDLES))
        drives_of_projects = [
            files.drive_of(UUID(str(one)), sandbox_uid(number))
            for one, number in await _rows(connection, _PROJECTS)
        ]
        header = await self._header(connection, bundles, drives_of_projects, has_keys=with_keys)
        self._require_space(header.estimated_bytes)
        self.archive.add(HEADER, header.model_dump_json(indent=1).encode())
        if with_keys:
            self.archive.add(KEYS, self.context.vault.export().encode())
        for table in header.tables:
            await self._table(connection, table)
        sequences = await tables.sequences(connection)
        secrets = (await _rows(connection, _SECRETS))[0][0]
        await connection.rollback()  # the snapshot is not needed any more, and would prevent a vacuum
        await self._bundles(bundles)
        for drive in drives_of_projects:
            await self._drive(drive)
        return header, self._end(sequences, secrets=secrets, bundles=len(bundles))

    async def _header(
        self,
        connection: tables.Connection,
        bundles: dict[str, int],
        drives_of_projects: list[Drive],
        *,
        has_keys: bool,
    ) -> Header:
        database_bytes = await tables.size_bytes(connection)
        drives_bytes = sum([await self._size_bytes(drive) for drive in drives_of_projects])
        return Header(
            product=version(),
            revision=(await _rows(connection, _REVISION))[0][0],
            made_at=now(),
            has_keys=has_keys,
            tables=await tables.tables(connection),
            event_months=await tables.event_months(connection),
            estimated_bytes=database_bytes + sum(bundles.values()) + drives_bytes,
        )

    async def _size_bytes(self, drive: Drive) -> int:
        return sum([entry.size_bytes async for entry in drives.entries(self.context.storage, drive)])

    def _require_space(self, needed_bytes: int) -> None:
        free = shutil.disk_usage(self.folder).free
        if free < needed_bytes + SPARE_BYTES:
            raise DiskFull(self.folder, needed_bytes=needed_bytes + SPARE_BYTES, free_bytes=free)

    async def _table(self, connection: tables.Connection, table: Table) -> None:
        rows = number = 0
        async for part in tables.parts(connection, table):
            number += 1
            rows += part.count(b"\n")
            self.archive.add(f"database/{table.name}/{number:06}", part)
        self.rows[table.name] = rows
        self.report(f"table {table.name}: {rows:,} rows")

    async def _bundles(self, bundles: dict[str, int]) -> None:
        for sha256 in bundles:
            try:
                data = await self.context.storage.get_bundle(sha256)
            except BundleMissing:
                self.missing_bundles.append(sha256)
                continue
            self.archive.add(f"bundles/{sha256}.zip", data)
            self.bundles_bytes += len(data)
        self.report(f"bundles: {len(bundles) - len(self.missing_bundles):,}, {_mib(self.bundles_bytes)}")

    async def _drive(self, drive: Drive) -> None:
        storage, before = self.context.storage, self.drive_files
        async for entry in drives.entries(storage, drive):
            if entry.is_folder:
                for _ in self.archive.adding(drives.folder(storage, drive, entry), ()):
                    pass
                continue
            with Measured(self.folder) as measured:
                try:
                    entry_with_hash = await drives.measure(storage, drive, entry, measured)
                except DriveFileLocked:
                    self.locked_files.append(drive.name_of(entry))
                    continue
                if entry_with_hash is None:
                    self.vanished_files += 1
                    continue
                for _ in self.archive.adding(entry_with_hash, measured.chunks()):
                    pass
            self.drive_files += 1
            self.drive_bytes += entry_with_hash.size_bytes
        if self.drive_files > before:
            self.report(f"drive of {drive.project_id}: {self.drive_files - before:,} files")

    def _end(self, sequences: dict[str, int | None], *, secrets: int, bundles: int) -> Manifest:
        manifest = Manifest(
            rows=self.rows,
            sequences=sequences,
            bundles=bundles - len(self.missing_bundles),
            bundles_bytes=self.bundles_bytes,
            missing_bundles=self.missing_bundles,
            drive_files=self.drive_files,
            drive_bytes=self.drive_bytes,
            vanished_files=self.vanished_files,
            locked_files=self.locked_files,
            secrets=secrets,
            files=self.archive.digest.files,
            sha256=self.archive.digest.sha256,
        )
        written = manifest.model_dump_json(indent=1).encode()
        self.archive.add(MANIFEST, written)
        mac = self.context.vault.mac(PURPOSE, written).hex()
        self.archive.add(SIGNATURE, Signature(mac=mac).model_dump_json().encode())
        self.archive.close()
        return manifest


async def _begin_snapshot(connection: tables.Connection) -> None:
    await connection.execute("set transaction isolation level repeatable read, read only")
    for setting in ("statement_timeout", "idle_in_transaction_session_timeout"):
        await connection.execute(f"set local {setting} = 0".encode())
    await connection.execute("set local timezone = 'UTC'")
    await connection.execute("set local datestyle = 'ISO, YMD'")


async def _rows(connection: tables.Connection, query: str) -> list[Any]:
    return await (await connection.execute(query.encode())).fetchall()


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:,.1f} MiB"
