"""Manage uploads over several requests: create, continue, finish and abandon them.

An upload reserves its whole length in the project's quota from the start. Its row says who uploads it and to which
path; its bytes are in a file of this host. The row stays for a day after the end, for clients that missed the response.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.data.drive import usage
from backend.data.drive.tables import DriveUpload
from backend.data.drive.uploads import ingest, partial_files
from backend.data.drive.uploads.errors import UploadMissing
from backend.data.drive.uploads.partial_files import UploadChunk
from backend.data.drive.uploads.receive import MAX_FILE_BYTES, Received
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.storage import Storage
from backend.storage.file_errors import DriveFileMissing, FileTooLarge, PathTaken
from backend.storage.mime import HEAD_BYTES, sniff
from backend.storage.paths import parse_drive_path

LIFETIME: Final = timedelta(days=1)
"""An upload expires after this time without more bytes."""


class Progress(NamedTuple):
    """An upload and its length so far."""

    upload: DriveUpload
    offset: int


class NewUpload(NamedTuple):
    """The upload that a client requests."""

    length_bytes: int
    path: str | None
    """The path in the drive that the client requests."""
    filename: str
    upload_metadata: str


async def create(context: AppContext, principal: Principal, new: NewUpload) -> Progress:
    """Create an upload; an empty one is finished immediately.

    Raises:
        BadDrivePath: The path is invalid.
        PathTaken: A folder has the path.
        FileTooLarge: It exceeds the maximum.
        DriveQuotaReached: It exceeds the quota of the drive.
    """
    if new.length_bytes > MAX_FILE_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    path = ingest.destination(new.path, new.filename)
    await _require_no_folder(context, principal, str(path))
    drives, project_id = ingest.drives_of(context), principal.project_id
    await usage.current(drives, project_id)
    upload = DriveUpload(
        id=uuid4(),
        project_id=project_id,
        path=str(path),
        length_bytes=new.length_bytes,
        upload_metadata=new.upload_metadata,
        expires_at=now() + LIFETIME,
    )
    file = _file(context.storage, upload.id)
    file.touch(mode=0o600)
    try:
        async with context.database.transaction() as session:
            await usage.lock(session, project_id)
            (await usage.read(session, drives.quotas, project_id)).require_capacity(new.length_bytes, 1)
            session.add(upload)
            await audit.record(
                session, principal, "drive.upload_began", str(path), size_bytes=new.length_bytes
            )
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    try:
        return await progress(context, principal, upload.id)
    except PurasError:
        await abandon(context, principal, upload.id)  # no client knows its URL
        raise


async def progress(context: AppContext, principal: Principal, upload_id: UUID) -> Progress:
    """Return the progress of an upload; finish one that is complete but was not stored because of a failure.

    Raises:
        UploadMissing: It does not exist, or has expired.
        UploadBusy: It is complete, and another request is storing it.
    """
    async with context.database.read_session() as session:
        upload = await _get(session, principal, upload_id)
    if upload.finished_at is not None:
        return Progress(upload, upload.length_bytes)
    file = _file(context.storage, upload_id)
    try:
        offset = partial_files.length(file)
        if offset == upload.length_bytes:
            with partial_files.locked(file):
                await _finish(context, principal, upload, file)
    except UploadMissing:
        return await _require_finished(context, principal, upload_id)
    return Progress(upload, offset)


async def append(context: AppContext, principal: Principal, upload_id: UUID, chunk: UploadChunk) -> Progress:
    """Add bytes to an upload, and store the file when it is complete.

    Raises:
        UploadMissing: It does not exist, or has expired.
        UploadBusy: Another request is writing it.
        WrongOffset: It has another length than the offset.
        UploadChunkTooLarge: There are more bytes than it lacks.
        ChecksumMismatch: The bytes have another digest.
        PathTaken: A folder was created at its path meanwhile.
    """
    async with context.database.read_session() as session:
        upload = await _get(session, principal, upload_id)
    if upload.finished_at is not None:
        return Progress(upload, upload.length_bytes)
    file = _file(context.storage, upload_id)
    try:
        with partial_files.locked(file) as descriptor:
            await _extend_expiry(context.database, upload)
            offset = await partial_files.append(descriptor, chunk, upload.length_bytes)
            if offset == upload.length_bytes:
                await _finish(context, principal, upload, file)
    except UploadMissing:
        return await _require_finished(context, principal, upload_id)
    return Progress(upload, offset)


async def abandon(context: AppContext, principal: Principal, upload_id: UUID) -> None:
    """Delete an upload; a file that it has stored in the drive stays.

    Raises:
        UploadMissing: It does not exist, or has expired.
        UploadBusy: A request is writing it, and its bytes would not count toward the quota any more.
    """
    file = _file(context.storage, upload_id)
    async with context.database.read_session() as session:
        await _get(session, principal, upload_id)
    with _locked_if_exists(file):
        async with context.database.transaction() as session:
            upload = await _get(session, principal, upload_id)
            await session.delete(upload)
            await audit.record(session, principal, "drive.upload_ended", upload.path)
        file.unlink(missing_ok=True)


@contextmanager
def _locked_if_exists(file: Path) -> Iterator[None]:
    """Lock the upload's file; a finished upload, or one of another host, has none."""
    with ExitStack() as stack:
        with suppress(UploadMissing):
            stack.enter_context(partial_files.locked(file))
        yield


async def _require_finished(context: AppContext, principal: Principal, upload_id: UUID) -> Progress:
    """Return an upload whose file is missing: another request is storing it, or the bytes are lost.

    Raises:
        UploadMissing: The bytes are lost.
    """
    async with context.database.transaction() as session:
        upload = await _get(session, principal, upload_id, is_locking=True)
    if upload.finished_at is None:
        raise UploadMissing
    return Progress(upload, upload.length_bytes)


async def _finish(context: AppContext, principal: Principal, upload: DriveUpload, file: Path) -> None:
    """Store the complete file; the caller has locked it."""
    path = parse_drive_path(f"drive/{upload.path}")
    async with context.storage.receive(partial_file=file) as incoming:
        await incoming.stage()
        received = Received(
            upload.path,
            path.name,
            incoming.size_bytes,
            incoming.sha256,
            sniff(await to_thread(_head, file), path.name),
        )
        async with context.database.transaction() as session:
            stored = await _get(session, principal, upload.id, is_locking=True)
            if stored.finished_at is None:
                replaced = await ingest.file_at(context.storage, principal, path)
                await ingest.put(session, principal, incoming, path, received)
                replaced_bytes = replaced.size_bytes if replaced else 0
                await usage.add(
                    session, principal.project_id, received.size_bytes - replaced_bytes, 0 if replaced else 1
                )
                stored.finished_at = now()
    file.unlink(missing_ok=True)


async def _extend_expiry(database: Database, upload: DriveUpload) -> None:
    upload.expires_at = now() + LIFETIME
    query = text("update drive_uploads set expires_at = :at where id = :id and project_id = :project_id")
    async with database.transaction() as session:
        await session.execute(
            query, {"at": upload.expires_at, "id": upload.id, "project_id": upload.project_id}
        )


async def _get(
    session: AsyncSession, principal: Principal, upload_id: UUID, *, is_locking: bool = False
) -> DriveUpload:
    query = visible(DriveUpload, principal).where(
        col(DriveUpload.id) == upload_id, col(DriveUpload.expires_at) > now()
    )
    if is_locking:
        query = query.with_for_update()
    upload: DriveUpload | None = (await session.scalars(query)).one_or_none()
    if upload is None:
        raise UploadMissing
    return upload


async def _require_no_folder(context: AppContext, principal: Principal, path: str) -> None:
    try:
        entry = await context.storage.stat(principal.project_id, parse_drive_path(f"drive/{path}"))
    except DriveFileMissing:
        return
    if entry.is_folder:
        raise PathTaken(path, "A folder")


def _file(storage: Storage, upload_id: UUID) -> Path:
    return storage.uploads_dir / upload_id.hex


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(HEAD_BYTES)
