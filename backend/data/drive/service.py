"""A project's files: put, listed, read, deleted, and opened to others for a while."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.context import AppContext
from backend.core.db.paging import Page, Slice
from backend.core.errors import NotAllowed
from backend.data.drive import provenance, signing, usage
from backend.data.drive.listing_access import reach_of
from backend.data.drive.schemas import DriveEntryRead, SignedUrlCreate, SignedUrlRead
from backend.data.drive.signing import signed_url
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.identity.tables import Project
from backend.storage import Outgoing, Storage
from backend.storage.file_errors import BadSignature, DriveFileMissing, FileReplaced
from backend.storage.paths import ROOT, DrivePath, parse_drive_path, parse_folder_path


class Opened(NamedTuple):
    """An open file, and its hash if that is known."""

    file: Outgoing
    sha256: str | None
    is_pinned: bool = False
    """What is read must stay of the version that it was opened in."""


async def entries(
    context: AppContext, principal: Principal, prefix: str, page: Page, *, is_recursive: bool
) -> Slice[DriveEntryRead]:
    """Files and folders below the folder `prefix`, or whose paths begin with it, with what is known of them.

    Raises:
        BadDrivePath: the prefix cannot be one.
        Invalid: the cursor is not one of this list.
    """
    storage, folder = context.storage, parse_folder_path(prefix)
    name_prefix = ""
    if folder != ROOT and not prefix.endswith("/") and not await _is_folder(storage, principal, folder):
        folder, name_prefix = folder.folder, folder.name
    after = page.text()
    rows = await storage.list(
        principal.project_id,
        folder,
        name_prefix=name_prefix,
        recursive=is_recursive,
        after=None if after is None else parse_drive_path(f"drive/{after}"),  # its own `drive/` is a folder's
        limit=page.limit + 1,
    )
    async with context.database.glance() as session:
        known = await provenance.of_entries(session, principal.project_id, rows)
    answers = [DriveEntryRead.of(row, known.get(row.path)) for row in rows]
    return page.slice(answers, lambda row: (row.path,))


async def open_file(context: AppContext, principal: Principal, path: str) -> Opened:
    """Open a file for reading; whoever calls closes it.

    Raises:
        BadDrivePath: the path cannot be one of a file.
        DriveFileMissing: there is no such file.
    """
    file = await context.storage.open_read(principal.project_id, parse_drive_path(path))
    try:
        return Opened(file, await sha256_known(context, principal.project_id, file))
    except BaseException:
        await file.close()
        raise


async def sha256_known(
    context: AppContext,
    project_id: UUID,
    file: Outgoing,
    *,
    most_bytes: int = provenance.HASHED_AT_ONCE_BYTES,
) -> str | None:
    """The hash of an open file if it is known, or the file small enough to be read for it now."""
    async with context.database.glance() as session:
        known = await provenance.of_entries(session, project_id, [file.entry])
    found = known.get(file.entry.path)
    if found is not None and found.sha256 is not None:
        return found.sha256
    sha256 = await provenance.sha256_of(file) if file.entry.size_bytes <= most_bytes else None
    if sha256 is not None:
        async with context.database.transaction() as session:
            await provenance.put(session, project_id, file.entry, sha256=sha256)
    return sha256


async def facts_of(context: AppContext, principal: Principal, path: str) -> DriveEntryRead:
    """All that is known of a file or a folder; a file whose hash is not known is read for it.

    Raises:
        BadDrivePath: the path cannot be one.
        DriveFileMissing: nothing is there.
    """
    project_id = principal.project_id
    entry = await context.storage.stat(project_id, parse_drive_path(path.rstrip("/")))
    if entry.is_folder:
        return DriveEntryRead.of(entry)
    file = await context.storage.open_read(project_id, parse_drive_path(path))
    try:
        sha256 = await sha256_known(context, project_id, file, most_bytes=file.entry.size_bytes)
    finally:
        await file.close()
    async with context.database.glance() as session:
        known = await provenance.of_entries(session, project_id, [file.entry])
    answer = DriveEntryRead.of(file.entry, known.get(file.entry.path))
    answer.sha256 = sha256
    return answer


async def delete(session: AsyncSession, storage: Storage, principal: Principal, path: str) -> None:
    """Delete a file, or a folder that is empty.

    Raises:
        DriveFileMissing: nothing is there.
        FolderNotEmpty: the folder still holds something.
    """
    parsed = parse_drive_path(path.rstrip("/"))
    size_bytes = await _size_bytes(storage, principal, parsed)
    await storage.delete(principal.project_id, parsed)
    await usage.add(session, principal.project_id, -size_bytes, -1)
    await provenance.forget(session, principal.project_id, str(parsed))
    await audit.record(session, principal, "drive.deleted", str(parsed))


async def sign(
    session: AsyncSession, context: AppContext, principal: Principal, asked: SignedUrlCreate
) -> SignedUrlRead:
    """Return a URL that opens a file of the drive for a limited time, for anyone who has it.

    Raises:
        NotAllowed: it names another project than the caller's.
        BadDrivePath: the path cannot be one of a file.
        DriveFileMissing: there is no such file.
    """
    if asked.workspace_id not in (None, principal.project_id):
        raise NotAllowed("The workspace_id is not that of your project. Leave it out.")
    path = parse_drive_path(asked.path)
    if principal.kind == "job":
        reach = await reach_of(session, project_id=principal.project_id, job_id=principal.id)
        if reach is not None and not reach.allows(path):
            raise DriveFileMissing(str(path))  # for the code of another project it is not there
    entry = await context.storage.stat(principal.project_id, path)
    if entry.is_folder:
        raise DriveFileMissing(str(path))
    url = signed_url(
        context.vault,
        context.settings.url,
        project_id=principal.project_id,
        path=str(path),
        ttl_s=asked.ttl,
    )
    if principal.kind != "job":  # a job may sign each of thousands of files, and only its own project's
        await audit.record(session, principal, "drive.signed", str(path), ttl_s=asked.ttl)
    return SignedUrlRead(path=str(path), signed_url=url, expires_in=asked.ttl)


async def open_signed(session: AsyncSession, context: AppContext, token: str, name: str) -> Opened:
    """Open the file that a signed address names; whoever calls closes it.

    Raises:
        BadSignature: the address is forged, changed, or its project is gone.
        SignatureExpired: its time is over.
        DriveFileMissing: the file is gone.
        FileReplaced: the address is for an earlier version of the file.
    """
    signed = signing.verify(context.vault, token, name)
    lives = select(col(Project.id)).where(
        col(Project.id) == signed.project_id, col(Project.deleted_at).is_(None)
    )
    if await session.scalar(lives) is None:
        raise BadSignature
    file = await context.storage.open_read(signed.project_id, signed.path)
    if signed.version not in (None, file.entry.version):
        await file.close()
        raise FileReplaced(str(signed.path))
    known = await provenance.of_entries(session, signed.project_id, [file.entry])
    found = known.get(file.entry.path)
    return Opened(file, found.sha256 if found else None, is_pinned=signed.version is not None)


async def _is_folder(storage: Storage, principal: Principal, path: DrivePath) -> bool:
    try:
        return (await storage.stat(principal.project_id, path)).is_folder
    except DriveFileMissing:
        return False


async def _size_bytes(storage: Storage, principal: Principal, path: DrivePath) -> int:
    """Of what is there; a link is deleted too, and counts nothing."""
    try:
        return (await storage.stat(principal.project_id, path)).size_bytes
    except DriveFileMissing:
        return 0
