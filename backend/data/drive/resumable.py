"""Uploads that go on over several requests: begun, gone on with, finished, and abandoned.

An upload holds its whole length in the project's quota from its beginning. Its row says whose it is and where it goes;
its bytes are in a file of this machine. The row stays for a day after it was finished, for clients that missed that.
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
from backend.data.drive import ingest, partial_uploads, usage
from backend.data.drive.partial_uploads import More
from backend.data.drive.tables import DriveUpload
from backend.data.drive.upload import MAX_FILE_BYTES, Received
from backend.data.drive.upload_errors import UploadMissing
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.storage import Storage
from backend.storage.file_errors import DriveFileMissing, FileTooLarge, PathTaken
from backend.storage.mime import HEAD_BYTES, sniff
from backend.storage.paths import parse_drive_path

LIFE: Final = timedelta(days=1)
"""Without another byte an upload is forgotten after so long."""


class Progress(NamedTuple):
    """An upload, and how far it is."""

    upload: DriveUpload
    offset: int


class Begun(NamedTuple):
    """What a client wants to upload."""

    length_bytes: int
    path: str | None
    """Where it goes, as it says."""
    filename: str
    upload_metadata: str


async def create(context: AppContext, principal: Principal, begun: Begun) -> Progress:
    """Begin an upload; an empty one is finished with it.

    Raises:
        BadDrivePath: the path cannot be one.
        PathTaken: a folder is there.
        FileTooLarge: it is over the limit.
        DriveQuotaReached: the drive has no room for it.
    """
    if begun.length_bytes > MAX_FILE_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    path = ingest.destination(begun.path, begun.filename)
    await _require_no_folder(context, principal, str(path))
    drives, project_id = ingest.drives_of(context), principal.project_id
    await usage.current(drives, project_id)
    upload = DriveUpload(
        id=uuid4(),
        project_id=project_id,
        path=str(path),
        length_bytes=begun.length_bytes,
        upload_metadata=begun.upload_metadata,
        expires_at=now() + LIFE,
    )
    file = _file(context.storage, upload.id)
    file.touch(mode=0o600)
    try:
        async with context.database.transaction() as session:
            await usage.hold(session, project_id)
            (await usage.read(session, drives.quotas, project_id)).refuse(begun.length_bytes, 1)
            session.add(upload)
            await audit.record(
                session, principal, "drive.upload_began", str(path), size_bytes=begun.length_bytes
            )
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    try:
        return await progress(context, principal, upload.id)
    except PurasError:
        await abandon(context, principal, upload.id)  # nobody was told its address
        raise


async def progress(context: AppContext, principal: Principal, upload_id: UUID) -> Progress:
    """How far an upload is; one that is whole and was not placed for a fault is placed now.

    Raises:
        UploadMissing: there is none, or it was forgotten.
        UploadBusy: it is whole, and being placed.
    """
    async with context.database.glance() as session:
        upload = await _found(session, principal, upload_id)
    if upload.finished_at is not None:
        return Progress(upload, upload.length_bytes)
    file = _file(context.storage, upload_id)
    try:
        offset = partial_uploads.length(file)
        if offset == upload.length_bytes:
            with partial_uploads.held(file):
                await _finish(context, principal, upload, file)
    except UploadMissing:
        return await _finished_meanwhile(context, principal, upload_id)
    return Progress(upload, offset)


async def go_on(context: AppContext, principal: Principal, upload_id: UUID, more: More) -> Progress:
    """Take more bytes of an upload, and place the file when it is whole.

    Raises:
        UploadMissing: there is none, or it was forgotten.
        UploadBusy: another request is writing it.
        WrongOffset: it is not that far, or farther.
        UploadChunkTooLarge: more comes than it has left.
        ChecksumMismatch: what came has another digest.
        PathTaken: a folder came in its place meanwhile.
    """
    async with context.database.glance() as session:
        upload = await _found(session, principal, upload_id)
    if upload.finished_at is not None:
        return Progress(upload, upload.length_bytes)
    file = _file(context.storage, upload_id)
    try:
        with partial_uploads.held(file) as descriptor:
            await _prolong(context.database, upload)
            offset = await partial_uploads.append(descriptor, more, upload.length_bytes)
            if offset == upload.length_bytes:
                await _finish(context, principal, upload, file)
    except UploadMissing:
        return await _finished_meanwhile(context, principal, upload_id)
    return Progress(upload, offset)


async def abandon(context: AppContext, principal: Principal, upload_id: UUID) -> None:
    """Forget an upload; a file that it has brought into the drive stays.

    Raises:
        UploadMissing: there is none, or it was forgotten.
        UploadBusy: a request is writing it, whose bytes nothing else would hold to the quota.
    """
    file = _file(context.storage, upload_id)
    async with context.database.glance() as session:
        await _found(session, principal, upload_id)
    with _held_if_there(file):
        async with context.database.transaction() as session:
            upload = await _found(session, principal, upload_id)
            await session.delete(upload)
            await audit.record(session, principal, "drive.upload_ended", upload.path)
        file.unlink(missing_ok=True)


@contextmanager
def _held_if_there(file: Path) -> Iterator[None]:
    """Hold the upload's file; one that is finished, or begun on another machine, has none."""
    with ExitStack() as held:
        with suppress(UploadMissing):
            held.enter_context(partial_uploads.held(file))
        yield


async def _finished_meanwhile(context: AppContext, principal: Principal, upload_id: UUID) -> Progress:
    """An upload whose bytes are gone: another request brings them into the drive just now, or they are lost."""
    async with context.database.transaction() as session:
        upload = await _found(session, principal, upload_id, is_locking=True)
    if upload.finished_at is None:
        raise UploadMissing
    return Progress(upload, upload.length_bytes)


async def _finish(context: AppContext, principal: Principal, upload: DriveUpload, file: Path) -> None:
    """Place the whole file; whoever calls holds it."""
    path = parse_drive_path(f"drive/{upload.path}")
    async with context.storage.receive(begun=file) as incoming:
        await incoming.settle()
        received = Received(
            upload.path,
            path.name,
            incoming.size_bytes,
            incoming.sha256,
            sniff(await to_thread(_head, file), path.name),
        )
        async with context.database.transaction() as session:
            stored = await _found(session, principal, upload.id, is_locking=True)
            if stored.finished_at is None:
                replaced = await ingest.file_at(context.storage, principal, path)
                await ingest.put(session, principal, incoming, path, received)
                less = replaced.size_bytes if replaced else 0
                await usage.add(
                    session, principal.project_id, received.size_bytes - less, 0 if replaced else 1
                )
                stored.finished_at = now()
    file.unlink(missing_ok=True)


async def _prolong(database: Database, upload: DriveUpload) -> None:
    upload.expires_at = now() + LIFE
    query = text("update drive_uploads set expires_at = :at where id = :id and project_id = :project_id")
    async with database.transaction() as session:
        await session.execute(
            query, {"at": upload.expires_at, "id": upload.id, "project_id": upload.project_id}
        )


async def _found(
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
