"""Load a backup into an empty instance.

The migrations create the database at the revision of the backup; then it is filled, and migrated to this release. This
is one transaction, which commits when every file was verified and the ledger is correct. Jobs that were running when
the backup was created return to the queue: they get a new attempt, and are neither failed nor charged for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final, cast
from uuid import UUID

from psycopg import IntegrityError
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine

from backend.administration.archives.errors import ArchiveDamaged
from backend.config import Settings
from backend.core.clock import now
from backend.core.db import pooler
from backend.core.db.engine import driver_url
from backend.execution.events import partitions
from backend.execution.jobs.attempts.requeue import requeue
from backend.execution.jobs.cancel import cancel_by
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.migrations import run as migrations
from backend.money.ledger import audit
from backend.operations.backup import files, tables
from backend.operations.backup.backup import Report
from backend.operations.backup.errors import NotEmpty
from backend.operations.backup.pieces import Bundle, Piece, Rows, Stored
from backend.operations.backup.reader import BackupReader
from backend.startup import open_context
from backend.storage import Storage
from backend.storage.sandbox_uids import sandbox_uid

_EXISTING_TABLES: Final = text("""
select relname from pg_class
where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by relname limit 3
""")
_PROJECTS: Final = text("select id, number from projects")
_NEEDED_BUNDLES: Final = text("""
select distinct sha256 from deployments d
where deleted_at is null or exists (select from jobs j where j.deployment_id = d.id and j.finished_at is null)
""")
_RUNNING: Final = text(
    "select id, attempt, cancel_requested_at from jobs where status = 'running' order by created_at"
)
_DELETE_WORKERS: Final = text("delete from workers")
_SETTINGS: Final = (text("set local statement_timeout = 0"), text("set local timezone = 'UTC'"))
_ANALYZE: Final = text("analyze")  # without it the first queries would have no statistics


class Loading:
    """A restore in progress."""

    def __init__(
        self, settings: Settings, reader: BackupReader, report: Report, *, must_be_signed: bool
    ) -> None:
        self._settings = settings
        self._reader = reader
        self._report = report
        self._must_be_signed = must_be_signed
        self._uids: dict[UUID, int | None] | None = None

    async def load(self, database_url: str, pieces: Iterator[Piece]) -> int:
        """Load and verify the whole backup; return the number of jobs that returned to the queue.

        Raises:
            NotEmpty: The database is not empty.
            ArchiveDamaged: The backup was truncated or changed.
            WrongKeys: Other keys signed it.
        """
        async with open_context(self._settings) as context, _transaction(database_url) as transaction:
            await _require_empty(transaction)
            references = await self._create_tables(transaction)
            await self._fill(transaction, context.storage, pieces)
            if self._must_be_signed:
                self._reader.require_signed(context.vault)
            await self._complete(transaction, references)
            async with AsyncSession(bind=transaction) as session, session.begin():
                requeued = await _requeue_running(session)
                await partitions.create_ahead(session, now().date())
                await self._verify(session)
            await transaction.execute(_ANALYZE)
        return requeued

    async def _create_tables(self, transaction: AsyncConnection) -> list[bytes]:
        """Create the tables of the backup's revision without foreign keys; return statements that create these."""
        header = self._reader.header
        await transaction.run_sync(migrations.upgrade_within, header.revision)
        connection = await _driver(transaction)
        await tables.require_same_tables(connection, header)
        async with AsyncSession(bind=transaction) as session, session.begin():
            for name in header.event_months:
                first = partitions.month_of(name)
                if first is None:
                    raise ArchiveDamaged(f"it contains a partition {name!r}, which is not valid.")
                await partitions.create(session, first)
        return await tables.empty(connection, header)

    async def _fill(self, transaction: AsyncConnection, storage: Storage, pieces: Iterator[Piece]) -> None:
        connection, table, folders = await _driver(transaction), "", files.Folders(storage)
        for piece in pieces:
            match piece:
                case Rows():
                    if piece.table.name != table:
                        table = piece.table.name
                        self._report(f"table {table}")
                    await tables.fill(connection, piece.table, piece.chunks())
                case Bundle():
                    await storage.put_bundle(piece.sha256, piece.file.read(files.MAX_BUNDLE_BYTES))
                case Stored():
                    await self._store(transaction, storage, folders, piece)
        await folders.end()

    async def _store(
        self, transaction: AsyncConnection, storage: Storage, folders: files.Folders, piece: Stored
    ) -> None:
        if self._uids is None:
            self._report("drives")
            rows = await transaction.execute(_PROJECTS)
            self._uids = {row.id: sandbox_uid(row.number) for row in rows}
        if piece.project_id not in self._uids:
            raise ArchiveDamaged(f"it contains {piece.file.entry.name!r} of an unknown project.")
        drive = files.drive_of(piece.project_id, self._uids[piece.project_id])
        if piece.is_folder:
            await folders.add(drive, piece.path, piece.file.entry)
        else:
            await folders.reach(drive, piece.path)
            await files.place(storage, drive, piece.path, piece.file)

    async def _complete(self, transaction: AsyncConnection, references: list[bytes]) -> None:
        connection = await _driver(transaction)
        await tables.set_sequences(connection, self._reader.manifest.sequences)
        try:
            for statement in references:
                await connection.execute(statement)
        except IntegrityError as error:
            raise ArchiveDamaged(f"its rows are inconsistent ({error.diag.message_primary}).") from None
        await transaction.run_sync(migrations.upgrade_within)

    async def _verify(self, session: AsyncSession) -> None:
        needed = set((await session.scalars(_NEEDED_BUNDLES)).all())
        missing = needed - self._reader.bundles - set(self._reader.manifest.missing_bundles)
        if missing:
            raise ArchiveDamaged(f"{len(missing)} bundles that its deployments need are missing.")
        findings = await audit.check_ledger(session)
        if findings:
            raise ArchiveDamaged(f"its ledger has errors: {findings[0].rule} ({findings[0].facts}).")
        self._report("the ledger is correct")


@asynccontextmanager
async def _transaction(database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(
        driver_url(database_url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=pooler.connect_settings(database_url),
    )
    try:
        async with engine.begin() as transaction:
            for setting in _SETTINGS:
                await transaction.execute(setting)
            yield transaction
    finally:
        await engine.dispose()


async def _driver(transaction: AsyncConnection) -> tables.Connection:
    raw = await transaction.get_raw_connection()
    return cast(tables.Connection, raw.driver_connection)


async def _require_empty(transaction: AsyncConnection) -> None:
    existing = (await transaction.scalars(_EXISTING_TABLES)).all()
    if existing:
        raise NotEmpty(
            f"The database is not empty: it has {', '.join(existing)}. Create a database and set DATABASE_URL to it."
        )


async def _requeue_running(session: AsyncSession) -> int:
    """Requeue jobs that were running, as a drain does; cancel those whose cancellation was requested."""
    rows = (await session.execute(_RUNNING)).all()
    for row in rows:
        await requeue(session, job_id=row.id, attempt=row.attempt, reason="restored")
        if row.cancel_requested_at is not None:
            await cancel_by(session, row.id, actor=OPERATOR_LABEL)
    await session.execute(_DELETE_WORKERS)
    return len(rows)
