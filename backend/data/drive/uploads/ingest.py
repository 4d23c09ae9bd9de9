"""Store received files in the drive: choose the path, record the writer, and update the count."""

from __future__ import annotations

import re
from typing import Final
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from backend.context import AppContext
from backend.core.clock import now
from backend.data.drive import provenance, usage
from backend.data.drive.uploads.receive import Received
from backend.data.drive.usage import Drives
from backend.identity.auth import audit
from backend.identity.auth.membership import project_of
from backend.identity.auth.principal import Principal
from backend.storage import DriveEntry, Incoming, Storage
from backend.storage.file_errors import DriveFileMissing
from backend.storage.paths import DrivePath, parse_folder_path, parse_new_path
from backend.storage.sandbox_uids import sandbox_uid

_SEPARATOR: Final = re.compile(r"[/\\]")
_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,16}")


def drives_of(context: AppContext) -> Drives:
    """Return what is needed to measure and count drives."""
    return Drives(context.database, context.storage, context.settings.quotas)


def destination(requested_path: str | None, filename: str) -> DrivePath:
    """Return the path of an upload.

    It is the requested path, the file's own name in the requested folder, or else `uploads/<unique>`.

    Raises:
        BadDrivePath: The path or the name of the file is invalid.
    """
    if requested_path is None:
        extension = _EXTENSION.fullmatch(filename[filename.rfind(".") :])
        suffix = extension[0].lower() if extension and "." in filename else ""
        return DrivePath(("uploads", f"{uuid4()}{suffix}"))
    if not requested_path.endswith("/"):
        return parse_new_path(requested_path)
    own_name = parse_new_path("drive/" + _SEPARATOR.split(filename)[-1]).name
    return parse_new_path("/".join(["drive", *parse_folder_path(requested_path).parts, own_name]))


async def put(
    session: AsyncSession, principal: Principal, incoming: Incoming, path: DrivePath, received: Received
) -> DriveEntry:
    """Store an upload in the project's drive.

    Raises:
        PathTaken: A folder has the path, or a part of the path is not a folder.
    """
    entry = await incoming.place(principal.project_id, path, owner_uid=await owner_uid(session, principal))
    await provenance.put(
        session,
        principal.project_id,
        entry,
        sha256=received.sha256,
        written_by=provenance.writer_of(principal),
        written_at=now(),
    )
    await audit.record(
        session,
        principal,
        "drive.uploaded",
        str(path),
        size_bytes=received.size_bytes,
        sha256=received.sha256,
    )
    return entry


async def owner_uid(session: AsyncSession, principal: Principal) -> int | None:
    """Return the user ID that owns the files of the project's drive."""
    project = await project_of(session, principal)
    return sandbox_uid(project.number or 0)


async def file_at(storage: Storage, principal: Principal, path: DrivePath) -> DriveEntry | None:
    """Return the file that an upload would replace."""
    try:
        entry = await storage.stat(principal.project_id, path)
    except DriveFileMissing:
        return None
    return None if entry.is_folder else entry


async def release_replaced(drives: Drives, principal: Principal, replaced: DriveEntry | None) -> None:
    """Subtract a replaced file from the count."""
    if replaced is not None:
        async with drives.database.transaction() as session:
            await usage.add(session, principal.project_id, -replaced.size_bytes, -1)
