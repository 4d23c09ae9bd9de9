"""Define the routes for folders, moves, copies and the usage of the drive."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from backend.data.drive import changes, service, usage
from backend.data.drive.schemas import DeletedRead, DriveEntryRead, DriveUsageRead, FileTransfer, FolderCreate
from backend.data.drive.uploads import ingest
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.storage.paths import MAX_PATH_BYTES

router = APIRouter(route_class=AuthorizedRoute, tags=["drive"])


@router.get("/drive/usage", summary="Read the usage of the drive")
@permissions.needs("drive:read")
async def get_drive_usage(principal: PrincipalDep, context: ContextDep) -> DriveUsageRead:
    """Return the usage and the limits of the drive."""
    principal.require(Role.VIEWER, "drive:read")
    return DriveUsageRead.of(await usage.current(ingest.drives_of(context), principal.project_id))


@router.get("/drive/facts", summary="Read the metadata of a file")
@permissions.needs("drive:read")
async def get_drive_metadata(
    path: Annotated[
        str, Query(max_length=2 * MAX_PATH_BYTES, description="Path from the root of the drive.")
    ],
    principal: PrincipalDep,
    context: ContextDep,
) -> DriveEntryRead:
    """Return the metadata of a file or a folder. If the hash of a file is unknown, it is computed first."""
    principal.require(Role.VIEWER, "drive:read")
    return await service.details_of(context, principal, path)


@router.post("/drive/folders", summary="Create a folder")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def create_folder(body: FolderCreate, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Create a folder and its missing parents. An existing folder is not changed."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.create_folder(context, principal, body.path)


@router.delete("/drive/folders/{path:path}", summary="Delete a folder with its content")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def delete_folder(path: str, principal: PrincipalDep, context: ContextDep) -> DeletedRead:
    """Delete a folder with its content, up to 2,000 files and folders at a time.

    Repeat the request until `is_done` is true.
    """
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.delete_folder(context, principal, path)


@router.post("/drive/move", summary="Move or rename a file or a folder")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def move_in_drive(body: FileTransfer, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Move a file or a folder to another path."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.move(context, principal, body)


@router.post("/drive/copy", summary="Copy a file")
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def copy_in_drive(body: FileTransfer, principal: PrincipalDep, context: ContextDep) -> DriveEntryRead:
    """Copy a file to another path."""
    principal.require(Role.DEVELOPER, "drive:write")
    return await changes.copy(context, principal, body)
