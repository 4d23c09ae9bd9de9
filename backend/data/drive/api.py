"""Routes of the drive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse

from backend.context import AppContext
from backend.core.errors import Invalid, Problem
from backend.core.http.paging import PageDep, linked
from backend.data.drive import digests, download, ingest, service, upload, usage
from backend.data.drive.schemas import DriveEntryRead, SignedUrlCreate, SignedUrlRead, UploadRead
from backend.data.drive.upload import MAX_FILE_BYTES, Received
from backend.data.drive.usage import Usage
from backend.identity.auth import permissions
from backend.identity.auth.credentials import JOB_TOKEN_HEADER
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency import service as idempotency
from backend.identity.idempotency.dependencies import IdempotencyKeyHeader, Once
from backend.storage import Incoming
from backend.storage.file_errors import BadUpload, FileTooLarge
from backend.storage.paths import MAX_PATH_BYTES, parse_new_path

_FORM_BYTES = 64 * 1024  # of a form around its file
_ANY_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {"*/*": {}}},
    206: {
        "description": "The part that the Range header asks for.",
        "content": {"*/*": {}},
    },
    304: {"description": "It has not changed."},
    416: {
        "description": "The range begins behind the end of the file; `Content-Range` says how long that is."
    },
}
_DIRECT: dict[int | str, dict[str, Any]] = {
    307: {"description": "The file is large: read it from the storage itself, within a minute."}
}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "At most 1 GiB."},
                        "path": {
                            "type": "string",
                            "description": "Where it goes: a file, or a folder with a slash at its end.",
                        },
                    },
                }
            }
        },
    }
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_DIGEST = "`sha-256=:<base64>:` of the file, or of the body; a mismatch is 422, and nothing is stored."
ContentDigestHeader = Annotated[str | None, Header(alias=digests.CONTENT, description=_DIGEST)]
ReprDigestHeader = Annotated[str | None, Header(alias=digests.REPRESENTATION, description=_DIGEST)]

router = APIRouter(route_class=AuthorizedRoute, tags=["drive"])


@router.post(
    "/drive/upload",
    status_code=201,
    response_model=UploadRead,
    openapi_extra=_FORM,
    max_body_size=2 * MAX_FILE_BYTES,  # the limit itself is held below, with an answer that explains it
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def upload_file(
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    idempotency_key: IdempotencyKeyHeader = None,
    *,
    content_digest: ContentDigestHeader = None,
    repr_digest: ReprDigestHeader = None,
) -> Response:
    """Put a file into the drive, in the place of one that was there."""
    principal.require(Role.DEVELOPER, "drive:write")
    given = digests.expected(request.headers)
    room = await _room(request, context, principal)
    async with _receiving(context) as incoming:
        body = digests.Hashed(request.stream(), is_hashed=bool(given))
        received = await upload.receive(request.headers.get("content-type"), body, incoming, room)
        digests.check(given, file=received.sha256, body=body.sha256)
        ingest.destination(received.path, received.filename)  # refused before it is brought anywhere
        await incoming.settle()
        once = _once(context, request, idempotency_key, received)
        return await _place(context, principal, incoming, received, once)


@router.put(
    "/drive/files/{path:path}",
    status_code=201,
    response_model=UploadRead,
    openapi_extra=_BODY,
    max_body_size=2 * MAX_FILE_BYTES,
)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def put_file(
    path: str,
    request: Request,
    principal: PrincipalDep,
    context: ContextDep,
    *,
    content_digest: ContentDigestHeader = None,
    repr_digest: ReprDigestHeader = None,
) -> Response:
    """Put the body into the drive as a file, in the place of one that was there."""
    principal.require(Role.DEVELOPER, "drive:write")
    parse_new_path(path)
    given = digests.expected(request.headers)
    room = await _room(request, context, principal)
    async with _receiving(context) as incoming:
        received = await upload.receive_alone(path, request.stream(), incoming, room)
        digests.check(given, file=received.sha256)
        await incoming.settle()
        once = _once(context, request, None, received)
        return await _place(context, principal, incoming, received, once)


@router.get("/drive", response_model=list[DriveEntryRead])
@permissions.needs("drive:read")
async def list_drive(
    request: Request,
    response: Response,
    *,
    page: PageDep,
    principal: PrincipalDep,
    context: ContextDep,
    prefix: Annotated[
        str, Query(max_length=MAX_PATH_BYTES, description="A folder, or the beginning of paths.")
    ] = "",
    recursive: Annotated[bool, Query(description="Also what is in the folders.")] = False,
    delimiter: Annotated[
        Literal["/"] | None, Query(description="Folders in the place of what is in them, as without it.")
    ] = None,
) -> Sequence[object]:
    """Files and folders, in the order of their paths."""
    principal.require(Role.VIEWER, "drive:read")
    if delimiter and recursive:
        message = "With a delimiter folders stand for what is in them. Leave out recursive or delimiter."
        raise Invalid(message, [Problem("query.recursive", message)])
    rows = await service.entries(context, principal, prefix, page, is_recursive=recursive)
    return linked(request, response, rows)


@router.head("/drive/files/{path:path}", include_in_schema=False)
@router.get("/drive/files/{path:path}", response_class=Response, responses=_ANY_FILE)
@permissions.needs("drive:read")
async def download_file(
    path: str, request: Request, principal: PrincipalDep, context: ContextDep
) -> Response:
    """A file, or the part of it that the Range header asks for."""
    principal.require(Role.VIEWER, "drive:read")
    opened = await service.open_file(context, principal, path)
    return await download.answer(opened.file, download.asked_of(request), sha256=opened.sha256)


@router.delete("/drive/files/{path:path}", status_code=204)
@permissions.needs("drive:write", role=Role.DEVELOPER)
async def delete_file(path: str, principal: PrincipalDep, session: SessionDep, context: ContextDep) -> None:
    """Delete a file, or a folder that is empty."""
    principal.require(Role.DEVELOPER, "drive:write")
    await service.delete(session, context.storage, principal, path)


@router.post("/drive/sign", responses={404: {"description": "There is no such file."}})
@permissions.needs("drive:read")
async def sign_file(
    asked: SignedUrlCreate, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> SignedUrlRead:
    """Create a URL that opens a file for a limited time, for anyone who has it, without an API key."""
    principal.require(Role.VIEWER, "drive:read")
    return await service.sign(session, context, principal, asked)


@router.head("/drive/signed/{token}/{name}", include_in_schema=False)
@router.get("/drive/signed/{token}/{name}", response_class=Response, responses=_ANY_FILE | _DIRECT)
@permissions.open_to_all()
async def download_signed_file(
    token: str, name: str, request: Request, session: SessionDep, context: ContextDep
) -> Response:
    """The file that a signed address opens."""
    file, sha256, is_pinned = await service.open_signed(session, context, token, name)
    shared = {"Cross-Origin-Resource-Policy": "cross-origin", "Referrer-Policy": "no-referrer"}
    # A job reaches us alone, and says that it is one. An address of the storage opens what is there when it is used.
    is_through_us = is_pinned or JOB_TOKEN_HEADER in request.headers
    direct = None if is_through_us else await file.direct_url(ttl_s=download.DIRECT_TTL_S)
    if direct is not None:
        await file.close()
        return RedirectResponse(direct, 307, {**shared, "Cache-Control": "no-store"})
    asked = download.asked_of(request, is_pinned=is_pinned)
    return await download.answer(file, asked, sha256=sha256, extra_headers=shared)


def _once(context: AppContext, request: Request, key: str | None, received: Received) -> Once:
    content = f"{received.path}\n{received.filename}\n{received.sha256}".encode("utf-8", "replace")
    target = f"{request.url.path}?{request.url.query}"
    return Once(key, idempotency.fingerprint(request.method, target, content), context.vault)


async def _room(request: Request, context: AppContext, principal: Principal) -> Usage:
    """What the drive has room for; refuses at once what says that it is too large."""
    declared = request.headers.get("content-length", "")
    least_bytes = max(0, int(declared) - _FORM_BYTES) if declared.isdecimal() else 0
    if least_bytes > MAX_FILE_BYTES:
        raise FileTooLarge(MAX_FILE_BYTES)
    room = await usage.current(ingest.drives_of(context), principal.project_id)
    room.refuse(least_bytes, 1)
    return room


@asynccontextmanager
async def _receiving(context: AppContext) -> AsyncIterator[Incoming]:
    async with context.storage.receive() as incoming:
        try:
            yield incoming
        except ClientDisconnect:
            raise BadUpload("The connection ended before the file did. Send it again.") from None


async def _place(
    context: AppContext, principal: Principal, incoming: Incoming, received: Received, once: Once
) -> Response:
    """Place it in a transaction of its own: none is open while the file is on its way."""
    path = ingest.destination(received.path, received.filename)
    drives, replaced = ingest.drives_of(context), None
    async with (
        usage.taken(drives, principal.project_id, received.size_bytes, 1) as room,
        context.database.transaction() as session,
    ):

        async def make() -> UploadRead:
            nonlocal replaced
            replaced = await ingest.file_at(context.storage, principal, path)
            await ingest.put(session, principal, incoming, path, received)
            room.keep()
            return UploadRead(
                drive_path=str(path),
                size_bytes=received.size_bytes,
                sha256=received.sha256,
                mime=received.mime,
            )

        answer = await once.answer(session, principal, make)
    await ingest.give_back(drives, principal, replaced)
    return answer
