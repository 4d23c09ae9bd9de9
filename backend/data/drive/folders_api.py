"""Routes of the drive's folders, of moves and copies, and of how much it holds."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.data.drive import changes, ingest, service, usage
from backend.data.drive.schemas import DeletedRead, DriveEntryRead, DriveUsageRead, FileTransfer, FolderCreate
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.storage.paths import MAX_PATH_BYTES

router = APIRouter(route_class=AuthorizedRoute, tags=["drive"])


@router.get("/drive/usage", summary="Read how much the drive holds")
@permissions.needs("drive:read")
async def get_drive_usage(principal: PrincipalDep, context: ContextDep) -> DriveUsageRead:
    """How much the drive holds, and may hold."""
    principal.require(Role.VIEWER, "drive:read")
    return DriveUsageRead.of(await usage.current(ingest.drives_of(context), principal.project_id))


@router.get("/drive/facts", summary="Read what is known of a file")
@permissions.needs("drive:read")
async def get_drive_facts(
    path: Annotated[str, Query(max_length=2 * MAX_PATH_BYTES, description="From the root of the drive.")],
    principal: PrincipalDep,
    context: ContextDep,
) -> DriveEntryRead:
    """All that is known of a file or a folder; a file whose hash is not known is read for it."""
    principal.require(Role.VIEWER, "drive:read")
    return await service.facts_of(context, principal, path)


@router.post("/drive/folders", summary="Make a folder")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def make_folder(asked: FolderCreate, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Make a folder, and those around it; one that is there stays as it is."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.make_folder(context, principal, asked.path)


@router.delete("/drive/folders/{path:path}", summary="Delete a folder with everything in it")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def delete_folder(path: str, principal: PrincipalDep, context: ContextDep) -> DeletedRead:
    """Delete a folder with everything in it, some thousand things at a time: ask again until it is done."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.delete_folder(context, principal, path)


@router.post("/drive/move", summary="Move or rename a file or a folder")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def move_in_drive(asked: FileTransfer, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Give a file or a folder another path."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.move(context, principal, asked)


@router.post("/drive/copy", summary="Copy a file")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def copy_in_drive(asked: FileTransfer, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Copy a file to another path."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.copy(context, principal, asked)
