"""List, open, inspect, delete and share files of a project's drive."""

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
from backend.data.drive.listing_access import access_of
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
    """Only the version that was opened may be sent."""


class ListedPlace(NamedTuple):
    """What a list of files reads."""

    folder: DrivePath
    name_prefix: str


async def list_entries(
    context: AppContext, principal: Principal, prefix: str, page: Page, *, is_recursive: bool
) -> Slice[DriveEntryRead]:
    """Return files and folders below the folder `prefix`, or whose paths start with it, with their metadata.

    Raises:
        BadDrivePath: The prefix is invalid.
        Invalid: The cursor does not belong to this list.
    """
    storage = context.storage
    folder, name_prefix = await place_of(storage, principal, prefix)
    after = page.text()
    rows = await storage.list(
        principal.project_id,
        folder,
        name_prefix=name_prefix,
        recursive=is_recursive,
        after=None
        if after is None
        else parse_drive_path(f"drive/{after}"),  # a leading `drive/` of it names a folder
        limit=page.limit + 1,
    )
    async with context.database.read_session() as session:
        metadata = await provenance.of_entries(session, principal.project_id, rows)
    items = [DriveEntryRead.of(row, metadata.get(row.path)) for row in rows]
    return page.slice(items, lambda row: (row.path,))


async def place_of(storage: Storage, principal: Principal, prefix: str) -> ListedPlace:
    """Return the folder that a list reads, and the prefix of the names in it.

    Raises:
        BadDrivePath: The prefix is invalid.
    """
    folder = parse_folder_path(prefix)
    if folder != ROOT and not prefix.endswith("/") and not await _is_folder(storage, principal, folder):
        return ListedPlace(folder.folder, folder.name)
    return ListedPlace(folder, "")


async def open_file(context: AppContext, principal: Principal, path: str) -> Opened:
    """Open a file for reading; the caller closes it.

    Raises:
        BadDrivePath: The path is invalid.
        DriveFileMissing: The file does not exist.
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
    max_bytes: int = provenance.MAX_IMMEDIATE_HASH_BYTES,
) -> str | None:
    """Return the hash of an open file if it is stored, or if the file is small enough to be hashed now."""
    async with context.database.read_session() as session:
        metadata = await provenance.of_entries(session, project_id, [file.entry])
    stored = metadata.get(file.entry.path)
    if stored is not None and stored.sha256 is not None:
        return stored.sha256
    sha256 = await provenance.sha256_of(file) if file.entry.size_bytes <= max_bytes else None
    if sha256 is not None:
        async with context.database.transaction() as session:
            await provenance.put(session, project_id, file.entry, sha256=sha256)
    return sha256


async def details_of(context: AppContext, principal: Principal, path: str) -> DriveEntryRead:
    """Return the metadata of a file or a folder; compute the hash of a file if it is unknown.

    Raises:
        BadDrivePath: The path is invalid.
        DriveFileMissing: Nothing exists at the path.
    """
    project_id = principal.project_id
    entry = await context.storage.stat(project_id, parse_drive_path(path.rstrip("/")))
    if entry.is_folder:
        return DriveEntryRead.of(entry)
    file = await context.storage.open_read(project_id, parse_drive_path(path))
    try:
        sha256 = await sha256_known(context, project_id, file, max_bytes=file.entry.size_bytes)
    finally:
        await file.close()
    async with context.database.read_session() as session:
        metadata = await provenance.of_entries(session, project_id, [file.entry])
    details = DriveEntryRead.of(file.entry, metadata.get(file.entry.path))
    details.sha256 = sha256
    return details


async def delete(session: AsyncSession, storage: Storage, principal: Principal, path: str) -> None:
    """Delete a file or an empty folder.

    Raises:
        DriveFileMissing: Nothing exists at the path.
        FolderNotEmpty: The folder is not empty.
    """
    parsed = parse_drive_path(path.rstrip("/"))
    size_bytes = await _size_bytes(storage, principal, parsed)
    await storage.delete(principal.project_id, parsed)
    await usage.add(session, principal.project_id, -size_bytes, -1)
    await provenance.delete(session, principal.project_id, str(parsed))
    await audit.record(session, principal, "drive.deleted", str(parsed))


async def sign(
    session: AsyncSession, context: AppContext, principal: Principal, body: SignedUrlCreate
) -> SignedUrlRead:
    """Return a URL that opens a file of the drive for a limited time, for anyone who has it.

    Raises:
        NotAllowed: The request names another project than the caller's.
        BadDrivePath: The path is invalid.
        DriveFileMissing: The file does not exist.
    """
    if body.workspace_id not in (None, principal.project_id):
        raise NotAllowed("The workspace_id is not that of your project. Omit it.")
    path = parse_drive_path(body.path)
    if principal.kind == "job":
        listing_access = await access_of(session, project_id=principal.project_id, job_id=principal.id)
        if listing_access is not None and not listing_access.allows(path):
            raise DriveFileMissing(str(path))  # code of another project learns nothing of other files
    entry = await context.storage.stat(principal.project_id, path)
    if entry.is_folder:
        raise DriveFileMissing(str(path))
    url = signed_url(
        context.vault,
        context.settings.url,
        project_id=principal.project_id,
        path=str(path),
        ttl_s=body.ttl,
    )
    if principal.kind != "job":  # a job may sign thousands of files, all of its own project
        await audit.record(session, principal, "drive.signed", str(path), ttl_s=body.ttl)
    return SignedUrlRead(path=str(path), signed_url=url, expires_in=body.ttl)


async def open_signed(session: AsyncSession, context: AppContext, token: str, name: str) -> Opened:
    """Open the file of a signed URL; the caller closes it.

    Raises:
        BadSignature: The URL is forged or changed, or its project is deleted.
        SignatureExpired: The URL has expired.
        DriveFileMissing: The file does not exist any more.
        FileReplaced: The URL is for an earlier version of the file.
    """
    signed = signing.verify(context.vault, token, name)
    project_exists = select(col(Project.id)).where(
        col(Project.id) == signed.project_id, col(Project.deleted_at).is_(None)
    )
    if await session.scalar(project_exists) is None:
        raise BadSignature
    file = await context.storage.open_read(signed.project_id, signed.path)
    if signed.version not in (None, file.entry.version):
        await file.close()
        raise FileReplaced(str(signed.path))
    metadata = await provenance.of_entries(session, signed.project_id, [file.entry])
    stored = metadata.get(file.entry.path)
    return Opened(file, stored.sha256 if stored else None, is_pinned=signed.version is not None)


async def _is_folder(storage: Storage, principal: Principal, path: DrivePath) -> bool:
    try:
        return (await storage.stat(principal.project_id, path)).is_folder
    except DriveFileMissing:
        return False


async def _size_bytes(storage: Storage, principal: Principal, path: DrivePath) -> int:
    """Return the size of an entry; a link is deleted too, and counts as 0."""
    try:
        return (await storage.stat(principal.project_id, path)).size_bytes
    except DriveFileMissing:
        return 0
