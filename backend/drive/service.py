"""A project's files: put, listed, read, deleted, and opened to others for a while."""

from __future__ import annotations

import re
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth import audit
from backend.auth.principal import Principal
from backend.drive import signing
from backend.drive.errors import BadSignature, DriveFileMissing
from backend.drive.paths import ROOT, DrivePath, parse_drive_path, parse_folder_path
from backend.drive.schemas import SignAnswer, SignAsked
from backend.drive.signing import signed_url
from backend.drive.upload import Received
from backend.errors import NotAllowed
from backend.instance import Instance
from backend.paging import Page, Slice
from backend.projects import service as projects
from backend.projects.tables import Project
from backend.storage import DriveEntry, Incoming, Outgoing, Storage
from backend.storage.sandbox_uids import sandbox_uid

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,16}")


def destination(received: Received) -> DrivePath:
    """Where an upload goes: the path it names, its own name in the folder it names, else `uploads/<unique>`.

    Raises:
        BadDrivePath: the path, or the file's name, cannot be one.
    """
    named = received.path
    if named is None:
        extension = _EXTENSION.fullmatch(received.filename[received.filename.rfind(".") :])
        suffix = extension[0].lower() if extension and "." in received.filename else ""
        return DrivePath(("uploads", f"{uuid4()}{suffix}"))
    if not named.endswith("/"):
        return parse_drive_path(named)
    own_name = parse_drive_path(re.split(r"[/\\]", received.filename)[-1]).name
    return parse_drive_path("/".join(["drive", *parse_folder_path(named).parts, own_name]))


async def put(
    session: AsyncSession, principal: Principal, incoming: Incoming, path: DrivePath, received: Received
) -> DriveEntry:
    """Place an upload in the project's drive.

    Raises:
        PathTaken: a folder is there, or a part of the path is not a folder.
    """
    project = await projects.get(session, principal)
    owner_uid = sandbox_uid(project.number or 0)
    entry = await incoming.place(principal.project_id, path, owner_uid=owner_uid)
    await audit.record(
        session,
        principal,
        "drive.uploaded",
        str(path),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
    )
    return entry


async def entries(
    storage: Storage, principal: Principal, prefix: str, page: Page, *, is_recursive: bool
) -> Slice[DriveEntry]:
    """Files and folders below the folder `prefix`, or whose paths begin with it.

    Raises:
        BadDrivePath: the prefix cannot be one.
        Invalid: the cursor is not one of this list.
    """
    folder = parse_folder_path(prefix)
    name_prefix = ""
    if folder != ROOT and not prefix.endswith("/") and not await _is_folder(storage, principal, folder):
        folder, name_prefix = folder.folder, folder.name
    after = page.text()
    rows = await storage.list(
        principal.project_id,
        folder,
        name_prefix=name_prefix,
        recursive=is_recursive,
        after=None if after is None else parse_drive_path(after),
        limit=page.limit + 1,
    )
    return page.slice(rows, lambda row: (row.path,))


async def open_file(storage: Storage, principal: Principal, path: str) -> Outgoing:
    """Open a file for reading; whoever calls closes it.

    Raises:
        BadDrivePath: the path cannot be one of a file.
        DriveFileMissing: there is no such file.
    """
    return await storage.open_read(principal.project_id, parse_drive_path(path))


async def delete(session: AsyncSession, storage: Storage, principal: Principal, path: str) -> None:
    """Delete a file, or a folder that is empty.

    Raises:
        DriveFileMissing: nothing is there.
        FolderNotEmpty: the folder still holds something.
    """
    parsed = parse_drive_path(path.rstrip("/"))
    await storage.delete(principal.project_id, parsed)
    await audit.record(session, principal, "drive.deleted", str(parsed))


async def sign(
    session: AsyncSession, instance: Instance, principal: Principal, asked: SignAsked
) -> SignAnswer:
    """An address that opens a file of the drive for a while, to whoever has it.

    Raises:
        NotAllowed: it names another project than the caller's.
        BadDrivePath: the path cannot be one of a file.
        DriveFileMissing: there is no such file.
    """
    if asked.workspace_id not in (None, principal.project_id):
        raise NotAllowed("The workspace_id is not that of your project. Leave it out.")
    path = parse_drive_path(asked.path)
    entry = await instance.storage.stat(principal.project_id, path)
    if entry.is_folder:
        raise DriveFileMissing(str(path))
    url = signed_url(
        instance.vault,
        instance.settings.url,
        project_id=principal.project_id,
        path=str(path),
        ttl_s=asked.ttl,
    )
    if principal.kind != "job":  # a job may sign each of thousands of files, and only its own project's
        await audit.record(session, principal, "drive.signed", str(path), ttl_s=asked.ttl)
    return SignAnswer(path=str(path), signed_url=url, expires_in=asked.ttl)


async def open_signed(session: AsyncSession, instance: Instance, token: str, name: str) -> Outgoing:
    """Open the file that a signed address names; whoever calls closes it.

    Raises:
        BadSignature: the address is forged, changed or over its time, or its project is gone.
        DriveFileMissing: the file is gone.
    """
    signed = signing.verify(instance.vault, token, name)
    lives = select(col(Project.id)).where(
        col(Project.id) == signed.project_id, col(Project.deleted_at).is_(None)
    )
    if await session.scalar(lives) is None:
        raise BadSignature
    return await instance.storage.open_read(signed.project_id, signed.path)


async def _is_folder(storage: Storage, principal: Principal, path: DrivePath) -> bool:
    try:
        return (await storage.stat(principal.project_id, path)).is_folder
    except DriveFileMissing:
        return False
