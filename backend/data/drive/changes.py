"""Change a drive by other means than uploads: create and delete folders, move and copy files."""

from __future__ import annotations

from typing import Final

from backend.context import AppContext
from backend.core.clock import now
from backend.data.drive import access, provenance, usage
from backend.data.drive.access import FileNotAllowed
from backend.data.drive.schemas import DeletedRead, DriveEntryRead, FileTransfer
from backend.data.drive.uploads import ingest
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.storage import DriveEntry
from backend.storage.file_errors import DriveFileChanged, DriveFileMissing, PathTaken
from backend.storage.paths import DrivePath, parse_drive_path, parse_new_path

MAX_DELETED: Final = 2_000
"""Files and folders that one request deletes."""
_CHUNK_BYTES: Final = 1 << 20


async def create_folder(context: AppContext, principal: Principal, path: str) -> DriveEntryRead:
    """Create a folder and its missing parents.

    Raises:
        BadDrivePath: The path is invalid.
        PathTaken: A file has the path of the folder or of a parent.
        DriveQuotaReached: The quota of the drive does not allow another folder.
    """
    drives, project_id, folder = (
        ingest.drives_of(context),
        principal.project_id,
        parse_new_path(path.rstrip("/")),
    )
    await usage.current(drives, project_id)
    async with usage.reserved(drives, project_id, 0, 1) as space, context.database.transaction() as session:
        owner_uid = await ingest.owner_uid(session, principal)
        entry = await context.storage.create_folder(project_id, folder, owner_uid=owner_uid)
        await audit.record(session, principal, "drive.folder_made", str(folder))
        space.keep()  # an existing folder counts twice until the next recount
    return DriveEntryRead.of(entry)


async def delete_folder(context: AppContext, principal: Principal, path: str) -> DeletedRead:
    """Delete a folder with its content, up to a number of files and folders.

    Raises:
        BadDrivePath: The path is invalid, or names the whole drive.
        DriveFileMissing: The folder does not exist.
    """
    folder = parse_drive_path(path.rstrip("/"))
    deleted = await context.storage.delete_tree(principal.project_id, folder, limit=MAX_DELETED)
    async with context.database.transaction() as session:
        await usage.add(session, principal.project_id, -deleted.freed_bytes, -deleted.entries)
        if deleted.is_done:
            await provenance.delete(session, principal.project_id, str(folder))
        await audit.record(
            session,
            principal,
            "drive.folder_deleted",
            str(folder),
            deleted=deleted.entries,
            is_done=deleted.is_done,
        )
    return DeletedRead(deleted=deleted.entries, is_done=deleted.is_done)


async def move(context: AppContext, principal: Principal, transfer: FileTransfer) -> DriveEntryRead:
    """Move a file or a folder to another path, and keep the record of who wrote it.

    A key that may not read the source cannot move it, since at another path it could be read as a file of the key's own
    jobs. So the version that was checked is moved, or nothing.

    Raises:
        BadDrivePath: One of the paths is invalid.
        FileNotAllowed: The principal may not read the source.
        DriveFileMissing: The source does not exist.
        DriveFileChanged: The source was changed meanwhile.
        PathTaken: The target exists, or a file is where the target needs a folder.
    """
    source, target = (
        parse_drive_path(transfer.source.rstrip("/")),
        parse_new_path(transfer.target.rstrip("/")),
    )
    storage, project_id = context.storage, principal.project_id
    before = await _readable(context, principal, source)
    replaced = await ingest.file_at(storage, principal, target)
    async with context.database.transaction() as session:
        metadata = (await provenance.of_entries(session, project_id, [before])).get(before.path)
        is_bound = metadata is not None or not access.reads_all(principal)
        try:
            entry = await storage.move(
                project_id,
                source,
                target,
                owner_uid=await ingest.owner_uid(session, principal),
                is_replacing=transfer.overwrite,
                version=before.version if is_bound else None,
            )
        except DriveFileChanged:
            if access.reads_all(principal):
                raise
            raise FileNotAllowed(str(source)) from None
        if entry.is_folder:
            await provenance.move_folder(session, project_id, str(source), str(target))
        await provenance.delete(session, project_id, str(source))
        if metadata is not None:
            await provenance.put(
                session,
                project_id,
                entry,
                sha256=metadata.sha256,
                written_by=metadata.written_by,
                written_at=metadata.written_at,
            )
        if replaced is not None:
            await usage.add(session, project_id, -replaced.size_bytes, -1)
        await audit.record(session, principal, "drive.moved", str(source), to=str(target))
        stored = (await provenance.of_entries(session, project_id, [entry])).get(entry.path)
    return DriveEntryRead.of(entry, stored)


async def copy(context: AppContext, principal: Principal, transfer: FileTransfer) -> DriveEntryRead:
    """Copy a file.

    Raises:
        BadDrivePath: One of the paths is invalid.
        FileNotAllowed: The principal may not read the source.
        DriveFileMissing: The source does not exist.
        PathTaken: The target exists, or a file is where the target needs a folder.
        DriveQuotaReached: The copy exceeds the quota of the drive.
    """
    source, target = parse_drive_path(transfer.source), parse_new_path(transfer.target)
    drives, project_id = ingest.drives_of(context), principal.project_id
    checked = await _readable(context, principal, source)
    replaced = await ingest.file_at(context.storage, principal, target)
    if replaced is not None and not transfer.overwrite:
        raise PathTaken(str(target), "Something else")
    await usage.current(drives, project_id)
    file = await context.storage.open_read(project_id, source)
    is_bound = not access.reads_all(principal)
    try:
        if is_bound and file.entry.version != checked.version:
            raise FileNotAllowed(str(source))  # replaced since the check
        size_bytes = file.entry.size_bytes
        async with (
            usage.reserved(drives, project_id, size_bytes, 1) as space,
            context.storage.receive() as incoming,
        ):
            if is_bound:
                await file.pin_version()
            async for chunk in file.chunks(0, size_bytes):
                await incoming.write(chunk)
            if is_bound and not await file.is_unchanged():
                raise FileNotAllowed(str(source))  # a job changed it during the copy
            await incoming.stage()
            async with context.database.transaction() as session:
                owner_uid = await ingest.owner_uid(session, principal)
                entry = await incoming.place(project_id, target, owner_uid=owner_uid)
                space.keep()
                await provenance.put(
                    session,
                    project_id,
                    entry,
                    sha256=incoming.sha256,
                    written_by=provenance.writer_of(principal),
                    written_at=now(),
                )
                await audit.record(session, principal, "drive.copied", str(source), to=str(target))
    finally:
        await file.close()
    await ingest.release_replaced(drives, principal, replaced)
    return await _entry_read(context, principal, entry)


async def _readable(context: AppContext, principal: Principal, path: DrivePath) -> DriveEntry:
    """Return the entry at the path if the principal may read it.

    A folder is readable only with access to the whole drive.

    Raises:
        FileNotAllowed: The principal may not read it, or it does not exist; the error does not reveal which.
        DriveFileMissing: It does not exist, and the principal may read the whole drive.
    """
    if access.reads_all(principal):
        return await context.storage.stat(principal.project_id, path)
    async with context.database.read_session() as session:
        versions = await access.check(session, principal, [path])
    try:
        entry = await context.storage.stat(principal.project_id, path)
    except DriveFileMissing:
        raise FileNotAllowed(str(path)) from None
    if entry.is_folder or versions.get(str(path), entry.version) != entry.version:
        raise FileNotAllowed(str(path))
    return entry


async def _entry_read(context: AppContext, principal: Principal, entry: DriveEntry) -> DriveEntryRead:
    async with context.database.read_session() as session:
        metadata = await provenance.of_entries(session, principal.project_id, [entry])
    return DriveEntryRead.of(entry, metadata.get(entry.path))
