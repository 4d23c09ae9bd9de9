"""What changes a drive beside uploads: folders made and deleted, files moved and copied."""

from __future__ import annotations

from typing import Final

from backend.context import AppContext
from backend.core.clock import now
from backend.data.drive import access, ingest, provenance, usage
from backend.data.drive.access import FileNotAllowed
from backend.data.drive.schemas import DeletedRead, DriveEntryRead, FileTransfer
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal
from backend.storage import DriveEntry
from backend.storage.file_errors import DriveFileChanged, DriveFileMissing, PathTaken
from backend.storage.paths import DrivePath, parse_drive_path, parse_new_path

MAX_DELETED: Final = 2_000
"""Things of a folder that go at a time."""
_CHUNK_BYTES: Final = 1 << 20


async def make_folder(context: AppContext, principal: Principal, path: str) -> DriveEntryRead:
    """Make a folder, and those around it.

    Raises:
        BadDrivePath: the path cannot be one.
        PathTaken: a file is in the way.
        DriveQuotaReached: the drive has no room for one more.
    """
    drives, project_id, place = (
        ingest.drives_of(context),
        principal.project_id,
        parse_new_path(path.rstrip("/")),
    )
    await usage.current(drives, project_id)
    async with usage.taken(drives, project_id, 0, 1) as room, context.database.transaction() as session:
        owner_uid = await ingest.owner_uid(session, principal)
        entry = await context.storage.make_folder(project_id, place, owner_uid=owner_uid)
        await audit.record(session, principal, "drive.folder_made", str(place))
        room.keep()  # one that was there counts twice until the next look
    return DriveEntryRead.of(entry)


async def delete_folder(context: AppContext, principal: Principal, path: str) -> DeletedRead:
    """Delete a folder with what is in it, up to a number of things.

    Raises:
        BadDrivePath: the path cannot be one, or names the whole drive.
        DriveFileMissing: there is no such folder.
    """
    place = parse_drive_path(path.rstrip("/"))
    deleted = await context.storage.delete_tree(principal.project_id, place, most=MAX_DELETED)
    async with context.database.transaction() as session:
        await usage.add(session, principal.project_id, -deleted.freed_bytes, -deleted.things)
        if deleted.is_done:
            await provenance.forget(session, principal.project_id, str(place))
        await audit.record(
            session,
            principal,
            "drive.folder_deleted",
            str(place),
            deleted=deleted.things,
            is_done=deleted.is_done,
        )
    return DeletedRead(deleted=deleted.things, is_done=deleted.is_done)


async def move(context: AppContext, principal: Principal, asked: FileTransfer) -> DriveEntryRead:
    """Give a file or a folder another path; who wrote it stays known.

    A key that may not read the source cannot move it: elsewhere it could be read as a file of the key's own jobs. So
    what was checked, and what the drive knows of, is moved in that version or not at all.

    Raises:
        BadDrivePath: one of the paths cannot be one.
        FileNotAllowed: the source is not the principal's to read.
        DriveFileMissing: the source is not there.
        DriveFileChanged: the source was changed meanwhile.
        PathTaken: something is at the target, or in the way of it.
    """
    source, target = parse_drive_path(asked.source.rstrip("/")), parse_new_path(asked.target.rstrip("/"))
    storage, project_id = context.storage, principal.project_id
    before = await _readable(context, principal, source)
    replaced = await ingest.file_at(storage, principal, target)
    async with context.database.transaction() as session:
        known = (await provenance.of_entries(session, project_id, [before])).get(before.path)
        is_bound = known is not None or not access.reads_all(principal)
        try:
            entry = await storage.move(
                project_id,
                source,
                target,
                owner_uid=await ingest.owner_uid(session, principal),
                is_replacing=asked.overwrite,
                version=before.version if is_bound else None,
            )
        except DriveFileChanged:
            if access.reads_all(principal):
                raise
            raise FileNotAllowed(str(source)) from None
        if entry.is_folder:
            await provenance.move_folder(session, project_id, str(source), str(target))
        await provenance.forget(session, project_id, str(source))
        if known is not None:
            await provenance.put(
                session,
                project_id,
                entry,
                sha256=known.sha256,
                written_by=known.written_by,
                written_at=known.written_at,
            )
        if replaced is not None:
            await usage.add(session, project_id, -replaced.size_bytes, -1)
        await audit.record(session, principal, "drive.moved", str(source), to=str(target))
        facts_now = (await provenance.of_entries(session, project_id, [entry])).get(entry.path)
    return DriveEntryRead.of(entry, facts_now)


async def copy(context: AppContext, principal: Principal, asked: FileTransfer) -> DriveEntryRead:
    """Copy a file.

    Raises:
        BadDrivePath: one of the paths cannot be one.
        FileNotAllowed: the source is not the principal's to read.
        DriveFileMissing: there is no such file.
        PathTaken: something is at the target, or in the way of it.
        DriveQuotaReached: the drive has no room for it.
    """
    source, target = parse_drive_path(asked.source), parse_new_path(asked.target)
    drives, project_id = ingest.drives_of(context), principal.project_id
    checked = await _readable(context, principal, source)
    replaced = await ingest.file_at(context.storage, principal, target)
    if replaced is not None and not asked.overwrite:
        raise PathTaken(str(target), "Something else")
    await usage.current(drives, project_id)
    file = await context.storage.open_read(project_id, source)
    is_bound = not access.reads_all(principal)
    try:
        if is_bound and file.entry.version != checked.version:
            raise FileNotAllowed(str(source))  # replaced just now
        size_bytes = file.entry.size_bytes
        async with (
            usage.taken(drives, project_id, size_bytes, 1) as room,
            context.storage.receive() as incoming,
        ):
            if is_bound:
                await file.steady()
            async for chunk in file.chunks(0, size_bytes):
                await incoming.write(chunk)
            if is_bound and not await file.is_unchanged():
                raise FileNotAllowed(str(source))  # a job wrote into it meanwhile
            await incoming.settle()
            async with context.database.transaction() as session:
                owner_uid = await ingest.owner_uid(session, principal)
                entry = await incoming.place(project_id, target, owner_uid=owner_uid)
                room.keep()
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
    await ingest.give_back(drives, principal, replaced)
    return await _told(context, principal, entry)


async def _readable(context: AppContext, principal: Principal, path: DrivePath) -> DriveEntry:
    """Return what is at the path, if the principal may read it; that of a folder is for those who may read everything.

    Raises:
        FileNotAllowed: The principal may not read it, or it does not exist; the error does not reveal which.
        DriveFileMissing: It is not there.
    """
    if access.reads_all(principal):
        return await context.storage.stat(principal.project_id, path)
    async with context.database.glance() as session:
        versions = await access.check(session, principal, [path])
    try:
        entry = await context.storage.stat(principal.project_id, path)
    except DriveFileMissing:
        raise FileNotAllowed(str(path)) from None
    if entry.is_folder or versions.get(str(path), entry.version) != entry.version:
        raise FileNotAllowed(str(path))
    return entry


async def _told(context: AppContext, principal: Principal, entry: DriveEntry) -> DriveEntryRead:
    async with context.database.glance() as session:
        known = await provenance.of_entries(session, principal.project_id, [entry])
    return DriveEntryRead.of(entry, known.get(entry.path))
